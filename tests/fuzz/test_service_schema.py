"""The service keeps to its own OpenAPI document, whatever schemathesis sends."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("schemathesis", reason="needs schemathesis, of the extra 'test'")

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from pawlab.serve.app import create_app
from web_models import colour_classifier

OPERATIONS = ("POST /predict", "POST /heatmap", "GET /model", "GET /health", "GET /ready", "GET /metrics")
CHECKS = [  # not that what fits the document is accepted: bytes that are no picture fit it
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
SOME = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_is_of_a_documented_kind(operation: str, tmp_path: Path) -> None:
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", create_app(colour_classifier(tmp_path)))
    found = {one.ok().label: one.ok() for one in schema.get_all_operations()}
    assert found.keys() == set(OPERATIONS)

    @SOME
    @given(found[operation].as_strategy())
    def send(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    send()
