import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("spp_oauth_rotate_key", {
    steps: () => [
        {
            content: "One key signs",
            trigger: ".o_data_row .text-bg-success:contains('Signs')",
        },
        {
            content: "Ask for a new key, with none chosen",
            trigger: ".o_control_panel button[name=action_rotate]",
            run: "click",
        },
        {
            content: "Say so again",
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is done",
            trigger: ".o_notification:contains('new key signs')",
        },
        {
            content: "The old key is still there; open it",
            trigger: ".o_data_row:has(td:contains('Only Verifies')) td[name=kid]",
            run: "click",
        },
        {
            content: "Withdraw it",
            trigger: ".o_form_view button[name=action_withdraw]",
            run: "click",
        },
        {
            content: "Say so again",
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "The dialog is gone",
            trigger: "body:not(:has(.modal)) .o_form_view div[name=public_jwk]",
        },
    ],
});

registry.category("web_tour.tours").add("spp_oauth_revoke_token", {
    steps: () => [
        {
            content: "A token that is good; open it",
            trigger:
                ".o_data_row:has(.text-bg-success:contains('Valid')) td[name=client_id]",
            run: "click",
        },
        {
            content: "Revoke it",
            trigger: ".o_form_view button[name=action_revoke]",
            run: "click",
        },
        {
            content: "Say so again",
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is revoked",
            trigger:
                ".o_form_view .o_statusbar_status .o_arrow_button_current:contains('Revoked')",
        },
    ],
});
