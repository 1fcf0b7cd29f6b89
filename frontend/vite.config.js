import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

const TEMPLATES = "../lex/web/templates";
const ICONS = "node_modules/lucide-static/icons";

/** One file of the icons that templates name as icon("…"): found by reading them, so none is missing or too many. */
function sprite() {
  return {
    name: "lex-icons",
    generateBundle() {
      const pages = readdirSync(TEMPLATES, { recursive: true }).filter((name) => name.endsWith(".html"));
      const texts = pages.map((name) => readFileSync(join(TEMPLATES, name), "utf8"));
      const names = [...new Set(texts.flatMap((text) => [...text.matchAll(/\bicon\("([a-z0-9-]+)"/g)].map((m) => m[1])))];
      const symbols = names.sort().map((name) => {
        const drawing = readFileSync(join(ICONS, `${name}.svg`), "utf8");
        const shapes = drawing.slice(drawing.indexOf(">", drawing.indexOf("<svg")) + 1, drawing.lastIndexOf("</svg>"));
        return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`;
      });
      const licence = "<!-- @license Lucide, ISC: https://lucide.dev/license -->";
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${licence}${symbols.join("")}</svg>`;
      this.emitFile({ type: "asset", name: "icons.svg", originalFileName: "src/icons.svg", source });
    },
  };
}

/** Drawings of ours that pages name by themselves. */
function drawings(...names) {
  return {
    name: "lex-drawings",
    generateBundle() {
      for (const name of names) {
        const source = readFileSync(`src/${name}`, "utf8");
        this.emitFile({ type: "asset", name, originalFileName: `src/${name}`, source });
      }
    },
  };
}

// Into the package, with a hash in every name; lex/web/kit/assets.py reads the manifest.
export default defineConfig({
  base: "/static/",
  plugins: [tailwindcss(), sprite(), drawings("favicon.svg")],
  publicDir: false,
  build: {
    outDir: "../lex/web/static",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsDir: "",
    // A data: font would need a wider content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rollupOptions: { input: ["src/shop.css", "src/shop.js", "src/docs.js"] },
  },
});
