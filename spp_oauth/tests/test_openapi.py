import json
import re

from pydantic import BaseModel

from odoo.tests import tagged

from ..api.openapi import Operation, document
from .common import OAuthCase


class Thing(BaseModel):
    name: str


def find_refs(node):
    """All `$ref` below a node of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from find_refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from find_refs(value)


@tagged("post_install", "-at_install")
class TestOpenapi(OAuthCase):
    def document(self, *prefixes, **options):
        options = {"title": "T", "version": "1", "description": "D", **options}
        return self.env["spp.oauth.openapi"]._document(prefixes, **options)

    def operation(self, method, path):
        return self.document("/api/oauth/")["paths"][path][method]

    def test_every_route_of_a_prefix_is_in_it(self):
        paths = self.document("/api/oauth/")["paths"]
        self.assertIn("/api/oauth/whoami", paths)
        self.assertIn("/api/oauth/probe/items/{number}", paths)
        self.assertFalse([path for path in paths if "<" in path])
        whoami = self.document("/api/oauth/", without=("/api/oauth/probe",))["paths"]
        self.assertEqual(list(whoami), ["/api/oauth/whoami"])

    def test_it_is_json_and_its_references_lead_somewhere(self):
        made = self.document("/api/", "/oauth2/", "/.well-known/")
        self.assertEqual(json.loads(json.dumps(made)), made)
        self.assertEqual(made["openapi"], "3.1.0")
        refs = set(find_refs(made))
        self.assertTrue(refs)
        for ref in refs:
            node = made
            for part in ref.removeprefix("#/").split("/"):
                self.assertIn(part, node, ref)
                node = node[part]

    def test_operation_ids_are_the_names_of_the_methods(self):
        self.assertEqual(
            self.operation("get", "/api/oauth/probe/items/{number}")["operationId"],
            "read_items",
        )
        routing = {"auth": "public"}
        twice = [Operation(path, "GET", "same", routing) for path in ("/a", "/b")]
        with self.assertRaisesRegex(ValueError, "same"):
            document(twice, title="", version="", description="", scopes={})

    def test_parameters_are_those_of_path_and_query(self):
        operation = self.operation("get", "/api/oauth/probe/items/{number}")
        parameters = {p["name"]: p for p in operation["parameters"] if "name" in p}
        self.assertEqual(set(parameters), {"number", "limit", "name", "day"})
        self.assertEqual(parameters["number"]["in"], "path")
        self.assertEqual(parameters["number"]["schema"]["type"], "integer")
        self.assertEqual(
            parameters["limit"]["schema"], {"type": "integer", "default": 10}
        )
        self.assertEqual(parameters["name"]["schema"]["type"], "array")
        # a parameter that is not wanted is left out: there is no null in an address
        self.assertEqual(
            parameters["day"]["schema"], {"type": "string", "format": "date"}
        )
        self.assertFalse(parameters["day"]["required"])

    def test_converters_have_types(self):
        templates = {
            "/<number>": {"type": "string", "minLength": 1},
            "/<int:number>": {
                "type": "integer",
                "minimum": 0,
                "maximum": 2147483647,
            },
            "/<int(min=1, max=9):number>": {
                "type": "integer",
                "minimum": 1,
                "maximum": 9,
            },
            "/<string(length=2):number>": {
                "type": "string",
                "minLength": 2,
                "maxLength": 2,
            },
            "/<uuid:number>": {"type": "string", "format": "uuid"},
            "/<float:number>": {"type": "number", "minimum": 0},
            "/<any(a,b):number>": {"type": "string", "enum": ["a", "b"]},
        }
        for template, schema in templates.items():
            made = document(
                [Operation(template, "GET", "get", {"auth": "public"})],
                title="",
                version="",
                description="",
                scopes={},
            )
            with self.subTest(template):
                operation = made["paths"]["/{number}"]["get"]
                self.assertEqual(operation["parameters"][0]["schema"], schema)
                self.assertIn("404", operation["responses"])

    def test_bodies_and_answers_have_the_schemas_of_their_models(self):
        operation = self.operation("post", "/api/oauth/probe/items")
        content = operation["requestBody"]["content"]["application/json"]
        self.assertTrue(operation["requestBody"]["required"])
        name = content["schema"]["$ref"].rpartition("/")[2]
        schema = self.document("/api/oauth/")["components"]["schemas"][name]
        self.assertEqual(set(schema["properties"]), {"items"})
        answer = operation["responses"]["200"]["content"]["application/json"]
        self.assertTrue(answer["schema"]["$ref"])

    def test_every_error_is_described(self):
        operation = self.operation("post", "/api/oauth/probe/items")
        self.assertEqual(
            set(operation["responses"]),
            {"200", "400", "401", "403", "406", "409", "413", "415", "422", "429"}
            | {"500", "503"},
        )
        responses = self.document("/api/oauth/")["components"]["responses"]
        for response in responses.values():
            content = response["content"]["application/json"]
            self.assertEqual(content["example"].keys(), {"error"})
            self.assertRegex(content["schema"]["$ref"], "/ErrorEnvelope$")
            self.assertIn("X-Request-Id", response["headers"])
        self.assertIn("WWW-Authenticate", responses["Unauthorized"]["headers"])
        self.assertIn("Retry-After", responses["TooManyRequests"]["headers"])
        self.assertIn("Retry-After", responses["ServiceUnavailable"]["headers"])

    def test_a_status_may_be_an_answer_and_an_error(self):
        routing = {"auth": "oauth", "query": Thing, "responses": {422: Thing}}
        made = document(
            [Operation("/a", "GET", "a", routing)],
            title="",
            version="",
            description="",
            scopes={},
        )
        content = made["paths"]["/a"]["get"]["responses"]["422"]["content"]
        refs = [ref["$ref"] for ref in content["application/json"]["schema"]["anyOf"]]
        self.assertEqual(
            [ref.rpartition("/")[2] for ref in refs], ["Thing", "ErrorEnvelope"]
        )

    def test_a_caller_is_known_by_one_of_several_ways(self):
        read = self.operation("get", "/api/oauth/probe/items/{number}")
        self.assertEqual(
            read["security"],
            [{"oauth2": ["probe:read"]}, {"userKey": []}, {"session": []}],
        )
        write = self.operation("post", "/api/oauth/probe/items")
        self.assertEqual(write["security"][2], {"session": [], "csrfToken": []})
        schemes = self.document("/api/oauth/")["components"]["securitySchemes"]
        self.assertEqual(
            schemes["oauth2"]["flows"]["clientCredentials"]["scopes"],
            {"probe:read": "Read", "probe:write": "Write"},
        )

    def test_idempotency_and_conditions(self):
        write = self.operation("post", "/api/oauth/probe/items")
        self.assertIn(
            {"$ref": "#/components/parameters/IdempotencyKey"}, write["parameters"]
        )
        self.assertIn("Idempotency-Replayed", write["responses"]["200"]["headers"])
        routing = {"auth": "public", "etag": True, "response": Thing}
        made = document(
            [Operation("/a", "GET", "a", routing)],
            title="",
            version="",
            description="",
            scopes={},
        )
        read = made["paths"]["/a"]["get"]
        self.assertEqual(
            read["parameters"], [{"$ref": "#/components/parameters/IfNoneMatch"}]
        )
        self.assertIn("ETag", read["responses"]["200"]["headers"])
        self.assertIn("304", read["responses"])
        self.assertNotIn("401", read["responses"])
        self.assertEqual(read["security"], [])

    def test_the_oauth_endpoints_take_forms(self):
        made = self.document("/oauth2/")
        token = made["paths"]["/oauth2/token"]["post"]
        self.assertEqual(
            list(token["requestBody"]["content"]), ["application/x-www-form-urlencoded"]
        )
        self.assertEqual(token["security"], [{"client": []}, {}])
        bad = made["components"]["responses"]["OAuthBadRequest"]
        content = bad["content"]["application/json"]
        self.assertEqual(content["example"].keys(), {"error", "error_description"})
        self.assertEqual(
            made["components"]["securitySchemes"]["oauth2"]["type"], "oauth2"
        )

    def test_it_follows_the_scopes(self):
        self.document("/api/oauth/")
        self.scopes[0].description = "Read the things"
        schemes = self.document("/api/oauth/")["components"]["securitySchemes"]
        scopes = schemes["oauth2"]["flows"]["clientCredentials"]["scopes"]
        self.assertEqual(scopes["probe:read"], "Read the things")

    def test_it_names_no_host_and_no_data(self):
        text = json.dumps(self.document("/api/", "/oauth2/", "/.well-known/"))
        self.assertFalse(re.findall(r"https?://(?!example\.org)[^\"\s]*", text))
        self.assertNotIn(self.env.cr.dbname, text)
