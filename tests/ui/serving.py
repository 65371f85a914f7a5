"""The whole page on a real server in this process, and clients that talk to it as a program or an attacker would."""

import http.client
import inspect
import json
import socket
import uuid

from sqlalchemy import func, select

from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.outbox import tables
from ui.page import build, launch_options
from workbench import services as services_module

TOKEN = "hostile-test-token"


class Page:
    def __init__(self, home):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = Settings(home=home, teacher_token=TOKEN, port=self.port, vote_requests=60, max_upload_mb=1)
        self.services = services_module.build(settings)
        this = lifecycle.create(self.services.labels, "one", "judge", ["a", "b"], RoundSettings(ask_rationale=True))
        made = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "a@1", "b@2") for i in range(6)]
        lifecycle.add_comparisons(self.services.labels, this.round_id, made)
        lifecycle.move(self.services.labels, this.round_id, "open")
        self.demo = build(self.services)
        self.demo.launch(**launch_options(self.services), prevent_thread_lock=True)

    def close(self):
        self.demo.close()
        self.services.labels.close()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, {"content-type": "application/json", **headers})
        try:
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def event(self, number, data, event_data=None, **headers):
        """What Gradio's queue says at the end of an event."""
        session = uuid.uuid4().hex
        body = {"data": data, "fn_index": number, "session_hash": session, "event_data": event_data}
        status, answer = self.ask("POST", "/gradio_api/queue/join", body, **headers)
        assert status == 200, answer
        _, stream = self.ask("GET", f"/gradio_api/queue/data?session_hash={session}", **headers)
        lines = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: ")]
        return next(line for line in lines if line["msg"] == "process_completed")

    def join(self):
        code = annotators.room(self.services.labels).code
        return json.loads(self.ask("POST", "/vote/join", {"room": code})[1])["token"]

    def counts(self):
        with self.services.labels.read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables()
            }

    def state(self):
        return self.counts(), sorted(str(path) for path in self.services.settings.home.rglob("*") if path.is_file())


def upload(page, size, **headers):
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\ncontent-disposition: form-data; name="files"; filename="../../x.jsonl"\r\n\r\n'.encode()
    body = head + b"x" * size + f"\r\n--{mark}--\r\n".encode()
    kind = f"multipart/form-data; boundary={mark}"
    return page.ask("POST", "/gradio_api/upload", body, content_type=kind, **headers)


def handlers(demo):
    """(name, block function) of every handler that runs in Python."""
    for each in demo.fns.values():
        if each.fn is not None:
            plain = inspect.unwrap(each.fn)
            where = plain.__module__.rsplit(".", 1)[-1]
            yield f"{where}.{plain.__qualname__.rsplit('.', 1)[-1]}", each


def _values(each):
    """What a page that was just opened would send, and something where it would send nothing."""
    given = [getattr(component, "value", None) for component in each.inputs]
    kinds = {"Dropdown": "one", "Textbox": "x", "Number": 1, "Slider": 1, "Checkbox": True, "File": __file__}
    return [
        value if value not in (None, "", [], False) else kinds.get(type(component).__name__, value)
        for component, value in zip(each.inputs, given, strict=True)
    ]


_NAMED = {
    "settings": {},
    "wanted": {},
    "options": {},
    "talk": [{"role": "user", "content": "x"}],
    "names": ["one"],
    "path": __file__,
    "file": __file__,
}


# An endpoint refuses a value of another kind before anything else.
_OF_KIND = {
    "str": "x",
    "dict[str, Any]": {},
    "list[str]": ["x"],
    "dict": {},
    "list": [],
    "float": 1.0,
    "int": 1,
    "bool": True,
}


def arguments(each, request):
    """The handler's arguments in its own order, as Gradio would put them."""
    values = _values(each)
    if each.inputs_as_dict:
        return [dict(zip(each.inputs, values, strict=True)), request]
    found, left = [], list(values)
    for name, parameter in inspect.signature(inspect.unwrap(each.fn)).parameters.items():
        if name == "request":
            found.append(request)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            found += left
        else:
            value = left.pop(0)
            found.append(_NAMED.get(name, value if value is not None else _OF_KIND.get(str(parameter.annotation))))
    return found
