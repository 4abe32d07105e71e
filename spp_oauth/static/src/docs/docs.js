// Shows the OpenAPI document that the page names. Secrets that are entered here
// live in the memory of the page only.
const docs = document.getElementById("docs");

window.SwaggerUIBundle({
    url: docs.dataset.document,
    domNode: docs,
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    // Would send the document to another host.
    validatorUrl: null,
});
