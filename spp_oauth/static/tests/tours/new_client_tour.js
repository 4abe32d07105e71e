import {registry} from "@web/core/registry";
import {stepUtils} from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("spp_oauth_new_client", {
    steps: () => [
        {
            content: "Open the wizard",
            trigger: ".o_list_view button:contains('New API Client')",
            run: "click",
        },
        {
            content: "Name the client",
            trigger: ".modal div[name=name] input",
            run: "edit Tour Client",
        },
        {
            content: "Tick its scope",
            trigger: ".modal div[name=scope_ids] label:contains('tour:read')",
            run: "click",
        },
        {
            content: "Create it",
            trigger: ".modal button[name=action_create]",
            run: "click",
        },
        {
            content: "The secret is shown, and can be copied",
            trigger: ".modal div[name=secret] button",
            run() {
                const secret = document.querySelector(
                    ".modal div[name=secret] span"
                ).textContent;
                const command = document.querySelector(
                    ".modal div[name=curl]"
                ).textContent;
                if (!secret || !command.includes(secret)) {
                    throw new Error("The dialog does not show the secret.");
                }
            },
        },
        {
            content: "Close the dialog",
            trigger: ".modal footer button:contains('Done')",
            run: "click",
        },
        {
            content: "Find the client",
            trigger:
                "body:not(:has(.modal)) .o_data_row td[name=name]:contains('Tour Client')",
            run: "click",
        },
        {
            content: "The form shows the scope",
            trigger:
                ".o_form_view div[name=scope_ids] .o-checkbox:contains('tour:read') input:checked",
        },
        {
            content: "Change its lifetime",
            trigger: ".o_form_view div[name=token_lifetime] input",
            run: "edit 120",
        },
        ...stepUtils.saveForm(),
    ],
});
