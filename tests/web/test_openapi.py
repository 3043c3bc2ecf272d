"""The whole OpenAPI description against the application: what it promises is what is answered, whatever is sent."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from starlette.testclient import TestClient

from app.settings import Settings
from app.web.app import create_app

SCENARIO = "its MAPD device=2 itt=0x40300000 size=5\nnote words\n"
ENDLESS = "/api/v1/sessions/{id}/events"
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
FEW = settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """An application without bounds on one address, a client of it, and a session."""
    path = tmp_path_factory.mktemp("openapi") / "giclab.db"
    app = create_app(Settings(database_url=f"sqlite:///{path}", rate_factor=0))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield app, client, client.post("/api/v1/sessions", json={"scenario": SCENARIO}).json()


def test_every_answer_is_one_that_the_description_promises(served):
    app = served[0]
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    done = [operation.label for operation in operations if operation.path != ENDLESS and _try(operation, *served[1:])]
    assert len(done) > len(operations) // 2, "most are asked for what they can do, not only for what they refuse"


def _try(operation, client, session):
    """Whether any of the requests was answered with what it asked for."""
    statuses = set()

    @FEW
    @given(case=operation.as_strategy())
    def each(case):
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = session["id"]
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {session['edit_key']}"}
        answer = case.call(session=client)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    each()
    return min(statuses) < 300
