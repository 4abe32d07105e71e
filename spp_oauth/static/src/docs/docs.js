// Shows the OpenAPI document that the page names. Secrets that are entered here
// live in the memory of the page only.
const docs = document.getElementById("docs");

// What no script can set (the cookie), and what belongs to single requests only, would
// bury the two ways in.
const ENTERED_HERE = new Set(["oauth2", "userKey"]);
const offerWaysIn = {
    statePlugins: {
        auth: {
            wrapSelectors: {
                definitionsToAuthorize:
                    (original) =>
                    (...args) =>
                        original(...args).filter((entry) =>
                            ENTERED_HERE.has(entry.keySeq().first())
                        ),
            },
        },
    },
};

window.SwaggerUIBundle({
    url: docs.dataset.document,
    domNode: docs,
    plugins: [() => offerWaysIn],
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    // Would send the document to another host.
    validatorUrl: null,
});
