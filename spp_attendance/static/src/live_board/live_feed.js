import { user } from "@web/core/user";
import { useBus, useService } from "@web/core/utils/hooks";
import { onMounted, onWillDestroy, useState } from "@odoo/owl";

const MESSAGE = "spp_attendance_live";
const CONNECTED = "CONNECTED";

/**
 * The live feed, for as long as the component is there. What may be read of the companies
 * that are shown is told, and nothing is asked for.
 *
 * @param {Object} callbacks
 * @param {Function} callbacks.onEvents with the events of a message, in their order
 * @param {Function} callbacks.onListening when what happens is told from now on: what
 *  happened before that, or while there was no connection, may not have been
 * @returns {{isConnected: boolean}} reactive
 */
export function useLiveFeed({ onEvents, onListening }) {
    const bus = useService("bus_service");
    const link = useState({ isConnected: bus.workerState === CONNECTED });
    const companies = user.activeCompanies.map((company) => company.id);
    const channel = `${MESSAGE}:companies=${companies.join(",")}`;
    // Who begins to listen is told the status at once: there is a first message soon.
    let isListening = false;
    const onMessage = ({ events }) => {
        onEvents(events);
        if (!isListening) {
            isListening = true;
            onListening();
        }
    };
    bus.subscribe(MESSAGE, onMessage);
    // Not before: where a board takes the place of another, that one has left by now.
    onMounted(() => {
        bus.addChannel(channel);
        link.isConnected = bus.workerState === CONNECTED;
    });
    useBus(bus, "BUS:WORKER_STATE_UPDATED", ({ detail }) => {
        link.isConnected = detail === CONNECTED;
    });
    useBus(bus, "BUS:DISCONNECT", () => {
        link.isConnected = false;
        isListening = false;
    });
    onWillDestroy(() => {
        bus.unsubscribe(MESSAGE, onMessage);
        bus.deleteChannel(channel);
    });
    return link;
}
