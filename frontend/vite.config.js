import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

// Into the package, with a hash in every name; lex/web/kit/assets.py reads the manifest.
export default defineConfig({
  base: "/static/",
  plugins: [tailwindcss()],
  publicDir: false,
  build: {
    outDir: "../lex/web/static",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsDir: "",
    // A data: font would need a wider content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rollupOptions: { input: ["src/shop.css", "src/docs.js"] },
  },
});
