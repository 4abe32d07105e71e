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
            content: "Say what it is for",
            trigger: ".modal div[name=purpose] input",
            run: "edit Shows how it is done",
        },
        {
            content: "Tick its scope, which says what it is good for",
            trigger: ".modal div[name=scope_ids] label:contains('tour:read (Read)')",
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
        {
            content: "It was never used",
            trigger: ".o_form_view .o_group span:contains('Never')",
        },
        {
            content: "Ask for a new secret",
            trigger: "button[name=action_rotate_secret]",
            run: "click",
        },
        {
            content: "The old one is to work for another week",
            trigger: ".modal div[name=overlap] label:contains('1 week')",
            run: "click",
        },
        {
            content: "Make it",
            trigger: ".modal button[name=action_rotate]",
            run: "click",
        },
        {
            content: "It is shown",
            trigger: ".modal div[name=secret] button",
        },
        {
            content: "Close the dialog",
            trigger: ".modal footer button:contains('Done')",
            run: "click",
        },
        {
            content: "The old secret still works: end it",
            trigger: "body:not(:has(.modal)) button[name=action_end_previous_secret]",
            run: "click",
        },
        {
            content: "Yes, really",
            trigger: ".modal footer .btn-primary",
            run: "click",
        },
        {
            content: "The old secret is gone",
            trigger:
                "body:not(:has(.modal)) .o_form_view:not(:has(button[name=action_end_previous_secret]))",
        },
        {
            content: "Look into the audit log",
            trigger: "button[name=action_events]",
            run: "click",
        },
        {
            content: "All three changes of the secret are in it",
            trigger:
                ".o_list_view:has(td[name=reason]:contains('created')):has(td[name=reason]:contains('rotated')) td[name=reason]:contains('previous_ended')",
        },
    ],
});
