import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { listView } from "@web/views/list/list_view";
import { ListController } from "@web/views/list/list_controller";
import { onMounted, onWillUnmount } from "@odoo/owl";

import { AT_WORK, PERIOD } from "./run_progress";

/** A list of what a server does in the background: rows at work are read anew. */
export class RunListController extends ListController {
    setup() {
        super.setup();
        onMounted(() => this.scheduleLook());
        onWillUnmount(() => browser.clearTimeout(this.lookTimer));
    }

    scheduleLook() {
        this.lookTimer = browser.setTimeout(() => this.look(), 2 * PERIOD);
    }

    async look() {
        const timer = this.lookTimer;
        const { records } = this.model.root;
        // Row by row: keyboard focus and what is ticked stay where they are.
        const atWork = records.filter((row) => row.resId && AT_WORK.includes(row.data.state));
        // What can't be read now is looked up again.
        await Promise.allSettled(atWork.map((row) => row.load()));
        if (timer === this.lookTimer) {
            this.scheduleLook();
        }
    }
}

registry.category("views").add("attendance_run_list", {
    ...listView,
    Controller: RunListController,
});
