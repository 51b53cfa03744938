/** Starts Swagger UI, which the page loaded before, on our own description. */
declare const SwaggerUIBundle: (options: Record<string, unknown>) => unknown;

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  // The online validator would be an external request.
  validatorUrl: null,
});
