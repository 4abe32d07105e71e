"""Registries that speak DCI, the search protocol of SPDCI, as OpenSPP has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .errors import BadAnswer, Rejected
from .paths import get
from .sources import Auth, HttpConfig, HttpSource

#: Where a DCI registry has what we ask for: field → path in one of its rows.
DCI_PATHS: Final = {
    "person_identifier": "identifier.0.identifier",
    "family_name": "familyName",
    "given_name": "givenName",
    "gender": "sex",
    "email": "email",
    "phone": "phoneNumbers.0.phone",
}
_DCI_BODY: Final = """{
  "header": {
    "version": "1.0.0",
    "message_id": "{uuid}",
    "message_ts": "{now}",
    "action": "search",
    "sender_id": %(sender)s,
    "total_count": 1
  },
  "message": {
    "transaction_id": "{uuid}",
    "search_request": [
      {
        "reference_id": "{uuid}",
        "timestamp": "{now}",
        "search_criteria": {
          "reg_type": %(reg_type)s,
          "query_type": "predicate",
          "query": %(query)s
        }
      }
    ]
  }
}"""


def dci_config(
    url: str,
    auth: Auth,
    *,
    sender: str = "",
    reg_type: str = "SPP:RegistryType:Individual",
    delta_attribute: str = "",
    page_size: int = 1000,
    headers: Mapping[str, str] | None = None,
    body: str = "",
) -> HttpConfig:
    """What a DCI registry is asked, and where its answer has what.

    :param url: of the search, such as ``https://host/registry/sync/search``; how pages
        are counted is added unless it says so itself
    :param sender: who asks, as the registry is to know us
    :param delta_attribute: by which it can be asked for what has changed; empty: it
        can't be, and everything comes each time
    :param body: instead of the usual one
    """

    def text(query: list[dict[str, Any]]) -> str:
        return _DCI_BODY % {
            "sender": json.dumps(sender),
            "reg_type": json.dumps(reg_type),
            "query": json.dumps(query),
        }

    changed = {
        "expression1": {
            "attribute_name": delta_attribute,
            "operator": "ge",
            "attribute_value": "{since}",
        }
    }
    if "{page}" not in url + body:
        separator = "&" if "?" in url else "?"
        url = f"{url}{separator}page={{page}}&limit={{limit}}"
    return HttpConfig(
        url=url,
        method="POST",
        headers=headers or {},
        body=body or text([]),
        delta_body=text([changed]) if delta_attribute and not body else "",
        paging="page",
        page_size=page_size,
        rows_path="message.search_response.0.data.reg_records",
        total_path="pagination.total",
        auth=auth,
    )


class DciSource(HttpSource):
    """Rows of a registry that speaks DCI, whose refusals come with status 200."""

    def _verify(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise BadAnswer("The answer is no DCI message.")
        found = get(data, "message.search_response")
        for part in (get(data, "header"), *(found if isinstance(found, list) else ())):
            if isinstance(part, dict) and part.get("status") == "rjct":
                reasons = (
                    part.get("status_reason_code"),
                    part.get("status_reason_message"),
                )
                told = ": ".join(str(reason) for reason in reasons if reason)
                told = " ".join(told.split())[:300]
                raise Rejected(told or "The registry gave no reason.")

    def _rows(self, data: Any) -> list[dict[str, Any]]:
        # That nobody was found is said by leaving things out.
        if get(data, "message.search_response") == []:
            return []
        path = self.config.rows_path
        if get(data, "message.search_response.0") and get(data, path) is None:
            return []
        return super()._rows(data)
