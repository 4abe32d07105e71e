import hashlib
import json
from datetime import UTC

from markupsafe import Markup

from odoo import api, models
from odoo.tools.json import scriptsafe

from .. import kiosk_files

ICON = "/spp_attendance/static/description/icon.png"


class SppAttendanceKiosk(models.Model):
    _inherit = "spp.attendance.kiosk"

    def _page_path(self, token):
        return f"/kiosk/attendance/{token}"

    def _page(self, token):
        """The HTML of the page, and its version.

        :param str token: that the page is to use
        """
        config = self._page_config()
        page = self._render_page({**config, **self._page_token(token)}, token)
        return page, config["version"]

    def _page_token(self, token):
        """What the page has to know of its link.

        :param str token: that it used to get here
        :return: dict with ``token``, to be used from now on, and ``issued``, when it
            was made, in milliseconds since 1970: the later one of two counts
        """
        newer = self._newer_token(token)
        issued = self.rotated_at or self.create_date
        return {
            "token": newer or token,
            "issued": int(issued.replace(tzinfo=UTC).timestamp() * 1000),
        }

    def _page_manifest(self, token):
        """What a tablet needs to know to put the page on its home screen."""
        [lang, *_others] = self._page_langs()
        kiosk = self.with_context(lang=lang.code)
        name = kiosk.env._("%s: Attendance", self.location_id.name)
        return {
            "id": f"/kiosk/attendance/{self.uuid}",
            "name": name,
            "short_name": self.location_id.name,
            "lang": self._page_language(lang)["code"],
            "start_url": self._page_path(token),
            "scope": "/kiosk/attendance/",
            "display": "standalone",
            "background_color": "#f3f5f7",
            "theme_color": "#0b5563",
            "icons": [{"src": ICON, "sizes": "128x128", "type": "image/png"}],
        }

    @api.model
    def _expired_page(self):
        """What is at an address of no kiosk, in the reader's language.

        The tablet may hold marks of the kiosk that was there: the page says so.
        """
        lang = self.env["res.lang"]._get_data(code=self.env.lang or "en_US")
        config = {
            "kiosk": None,
            "languages": [self._page_language(lang)],
            "tz": "UTC",
            "version": kiosk_files.version(),
        }
        return self._render_page(config, None)

    @api.model
    def _render_page(self, config, token):
        values = {
            "config": Markup(scriptsafe.dumps(config)),
            "files": {name: kiosk_files.address(name) for name in kiosk_files.PAGE},
            "icon": ICON,
            "identification": config.get("identification"),
            "is_expired": not config["kiosk"],
            "language": config["languages"][0],
            "languages": config["languages"],
            "manifest": token and f"{self._page_path(token)}/manifest.webmanifest",
            "mode": config.get("mode"),
            "pin": config.get("pin"),
            "place": config.get("place"),
            "types": config.get("types", []),
        }
        html = self.env["ir.qweb"]._render("spp_attendance.kiosk_page", values)
        return f"<!DOCTYPE html>\n{html}"

    def _page_config(self):
        """All that the page has to know, but for its token."""
        files = {name: kiosk_files.address(name) for name in kiosk_files.PAGE}
        camera = {
            name.removesuffix(".js"): kiosk_files.address(name)
            for name in kiosk_files.CAMERA
        }
        config = {
            "kiosk": self.uuid,
            "place": self.location_id.name,
            "tz": self.location_id.tz,
            "mode": self.mode,
            "identification": self.identification,
            "pin": self.require_pin,
            "types": [{"id": type.id, "name": type.name} for type in self.type_ids],
            "languages": [self._page_language(lang) for lang in self._page_langs()],
            "files": files,
            "camera": None if self.identification == "identifier_name" else camera,
        }
        content = json.dumps(config, sort_keys=True)
        return {**config, "version": hashlib.sha256(content.encode()).hexdigest()[:16]}

    def _page_langs(self):
        """The languages to choose from, that of the company first."""
        langs = self.env["res.lang"]
        # Kiosks may read neither languages nor the company's own contact, of which
        # the page tells which language it is in.
        kiosk_sudo = self.sudo()
        own = langs._get_data(code=kiosk_sudo.company_id.partner_id.lang)
        offered = [langs._get_data(id=id_) for id_ in kiosk_sudo.lang_ids.ids]
        active = [lang for lang in offered if lang]
        if not active:
            return [own or langs._get_data(code=self.env.lang or "en_US")]
        return sorted(active, key=lambda lang: lang.id != own.id)

    @api.model
    def _page_language(self, lang):
        return {
            "code": lang.code.replace("_", "-").replace("@", "-"),
            "name": lang.name.rpartition(" / ")[2],
            "direction": lang.direction,
            "texts": self.with_context(lang=lang.code)._page_texts(),
        }

    @api.model
    def _page_texts(self):
        """All words of the page, in the language of the context.

        ``{name}`` is filled in by the page.
        """
        return {
            "title": self.env._("Attendance"),
            "contrast": self.env._("High contrast"),
            "no_script": self.env._("This page needs JavaScript."),
            "no_store": self.env._(
                "This browser keeps nothing, so attendance can't be noted here. Leave"
                " the private mode, or use another browser."
            ),
            "close": self.env._("Close"),
            # what is said of the network
            "online": self.env._("Connected"),
            "offline": self.env._("No network: marks are kept on this tablet"),
            "waiting": self.env._("Waiting: {count}"),
            "waiting_text": self.env._(
                "These wait on this tablet. They are sent as soon as there is a"
                " network."
            ),
            "nothing_waits": self.env._("Nothing waits: everything has been sent."),
            "opens_offline": self.env._("This page also opens without a network."),
            "opens_online_only": self.env._(
                "This page doesn't open without a network yet. It has to come over"
                " HTTPS; don't close it while something waits."
            ),
            "expired": self.env._("This link no longer works"),
            "expired_text": self.env._(
                "Ask the people in charge for the new link of this kiosk, and open it"
                " on this tablet."
            ),
            "expired_waiting": self.env._(
                "Waiting here: {count}. Nothing is lost: it is sent once the new link"
                " is open."
            ),
            "check_again": self.env._("Check Again"),
            # self-service
            "which_type": self.env._("What is it for?"),
            "badge": self.env._("Badge"),
            "use_camera": self.env._("Use the Camera"),
            "camera_text": self.env._(
                "Hold the code of the badge in front of the camera."
            ),
            "no_camera": self.env._(
                "The camera can't be used. Type what is on the badge instead."
            ),
            "camera_denied": self.env._(
                "This page may not use the camera. Allow it in the settings of the"
                " browser, or type what is on the badge."
            ),
            "or": self.env._("or"),
            "identifier": self.env._("Your number"),
            "name": self.env._("Your name"),
            "pin": self.env._("Your PIN"),
            "present": self.env._("Present"),
            "absent": self.env._("Absent"),
            "choose": self.env._("Now tap Present or Absent."),
            "sending": self.env._("One moment…"),
            "missing_type": self.env._("Say what it is for first."),
            "missing_badge": self.env._("Say who you are first."),
            "missing_identifier": self.env._("Type your number first."),
            "missing_name": self.env._("Type your name as well."),
            "missing_pin": self.env._("Type your PIN as well."),
            "present_noted": self.env._("Noted: present"),
            "absent_noted": self.env._("Noted: absent"),
            "noted_text": self.env._("Thank you."),
            "present_kept": self.env._("Kept: present"),
            "absent_kept": self.env._("Kept: absent"),
            "kept_text": self.env._(
                "It is kept on this tablet with this time, and sent as soon as there"
                " is a network."
            ),
            "refused": self.env._("Not noted"),
            "refused_text": self.env._(
                "Something that was typed isn't right. Check it and try again, or ask"
                " somebody in charge."
            ),
            "not_kept": self.env._(
                "This tablet couldn't keep it, so it isn't noted. Try again, or ask"
                " somebody in charge."
            ),
            "next": self.env._("Next Person"),
            "try_again": self.env._("Try Again"),
            # attendant
            "open_list": self.env._("People to expect today"),
            "open_list_text": self.env._(
                "With the attendants' code you get the list. It stays on this tablet"
                " until the end of the day, also without a network."
            ),
            "code": self.env._("Attendants' code"),
            "attendant": self.env._("Your name (optional)"),
            "show_list": self.env._("Show the List"),
            "loading": self.env._("One moment…"),
            "list_too_long": self.env._(
                "Too many people are expected here for one list. Ask for an event of"
                " today with just those who come, or for a kiosk for each part of the"
                " place."
            ),
            "wrong_code": self.env._("This isn't the code of this kiosk."),
            "too_often": self.env._("Too many attempts. Try again in a few minutes."),
            "list_needs_network": self.env._(
                "The list can't be fetched now. Check the network and try again."
            ),
            "marked": self.env._("{done} of {all} marked"),
            "load_again": self.env._("Load Again"),
            "close_list": self.env._("Close the List"),
            "find": self.env._("Find by name or number"),
            "nobody": self.env._(
                "Nobody is expected here today. Whoever is on the list of an event"
                " of today is shown here; load it again once there is one."
            ),
            "nobody_found": self.env._("Nobody on this list is called that."),
            "undo": self.env._("Undo"),
            "not_accepted": self.env._("Not accepted"),
        }
