"""docs/reference/api.md: every operation of the REST API, from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from manual.words import linked, made, table

HEAD = """# REST API: operations

From `/api/v1/openapi.json`, which needs no key and is the same in every installation of this version. Keys, scopes,
errors and examples: [api.md](../api.md). Paths begin with `/api/v1`.
"""


def page() -> str:
    """The page's text; Django must have been started."""
    from sekisho.web.api.urls import api

    document: dict[str, Any] = api.get_openapi_schema()
    found = [(method, path, details) for path, methods in document["paths"].items()
             for method, details in methods.items()]  # fmt: skip
    rows = [[f"`{method.upper()} {_short(path)}`", f"`{_scope(method, path)}`", _first(details)]
            for method, path, details in found]  # fmt: skip
    parts = [made(HEAD), "\n", table(["operation", "scope", "what"], rows)]
    parts += [_operation(method, path, details) for method, path, details in found]
    parts += [
        "\n# Shapes\n",
        *(_shape(name, shape) for name, shape in sorted(document["components"]["schemas"].items())),
    ]
    return "".join(parts)


def _short(path: str) -> str:
    return path.removeprefix("/api/v1")


def _first(details: dict[str, Any]) -> str:
    return " ".join(details["description"].split("\n\n")[0].split())


def _scope(method: str, path: str) -> str:
    from sekisho.web.api.urls import api

    for prefix, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                if f"/api/v1{prefix}{operation.path}" == path and method.upper() in operation.methods:
                    return str(operation.auth_callbacks[0].scope)
    raise LookupError(path)


def _operation(method: str, path: str, details: dict[str, Any]) -> str:
    rows = [[f"`{one['name']}`", one["in"], _type(one["schema"]), one.get("description", "")]
            for one in details.get("parameters", [])]  # fmt: skip
    if body := details.get("requestBody"):
        rows.append(["body", "JSON", _type(body["content"]["application/json"]["schema"]), ""])
    answers = [f"{status} {_type(_content(answer))}" for status, answer in details["responses"].items()
               if str(status) == "200"]  # fmt: skip
    errors = ", ".join(str(status) for status in details["responses"] if str(status) != "200")
    text = f"\n## {method.upper()} {_short(path)}\n\n{linked(details['description'])}\n"
    if rows:
        text += "\n" + table(["parameter", "in", "type", "what"], rows)
    return text + f"\nAnswers {', '.join(answers)}; errors {errors}.\n"


def _content(answer: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = next(iter(answer.get("content", {}).values()), {}).get("schema", {})
    return schema


def _type(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if several := schema.get("anyOf"):
        return " or ".join(_type(one) for one in several)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if values := schema.get("enum"):
        return ", ".join(f"`{value}`" for value in values)
    return str(schema.get("type", "any"))


def _shape(name: str, shape: dict[str, Any]) -> str:
    needed = set(shape.get("required", ()))
    rows = [[f"`{field}`", _type(schema), "" if field in needed else "optional", _bounds(schema)]
            for field, schema in shape.get("properties", {}).items()]  # fmt: skip
    about = f"{linked(' '.join(shape['description'].split()))}\n\n" if shape.get("description") else ""
    return f"\n### {name}\n\n{about}" + table(["field", "type", "", "bounds"], rows)


def _bounds(schema: dict[str, Any]) -> str:
    names = {"minimum": "at least", "maximum": "at most", "maxLength": "characters at most", "pattern": "matches"}
    return ", ".join(f"{said} `{schema[key]}`" for key, said in names.items() if key in schema)
