import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

const place = document.getElementById("docs");

SwaggerUI({
  domNode: place,
  url: place.dataset.url,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  // No validator of somebody else's, and no key kept in the browser.
  validatorUrl: null,
  persistAuthorization: false,
});
