"""An OpenAI-compatible server that writes with a real model and real adapters, as vLLM does; and fails on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.standin.answering import JsonHandler, serving


class Served:
    """What the server has and was asked. `fail`: answers to give instead, one for each coming completion."""

    def __init__(self, folder: Path, name: str) -> None:
        from peft import PeftModel  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name, self.key, self.runtime_loading = name, "", True
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.adapters: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.fail: list[Any] = []
        self.pause = 0.0  # seconds before each token
        self.written = 0  # tokens sent in all
        self.url = ""
        self._mutex = threading.Lock()

    def write(self, body: dict[str, Any]) -> tuple[list[int], str]:
        """(the reply's tokens, why it ended), drawn as the request says."""
        import torch

        drawn = body["temperature"] > 0

        ids = body.get("prompt")
        if ids is None:
            ids = self.tokenizer(body["messages"][-1]["content"])["input_ids"]
        with self._mutex, torch.inference_mode():
            model = self._with(body["model"])
            torch.manual_seed(body["seed"])
            out = model.generate(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=body["max_tokens"],
                do_sample=drawn,
                **({"temperature": float(body["temperature"]), "top_p": body["top_p"], "top_k": 0} if drawn else {}),
                pad_token_id=1,
                eos_token_id=body.get("stop_token_ids", [0]),
            )[0, len(ids) :].tolist()
        if out and out[-1] in body.get("stop_token_ids", [0]):
            return out[:-1], "stop"
        return out, "length"

    def _with(self, name: str) -> Any:
        from peft import PeftModel

        if isinstance(self.model, PeftModel):
            self.model = self.model.unload()
        if name != self.name:
            self.model = PeftModel.from_pretrained(self.model, self.adapters[name]).eval()
        return self.model


@contextmanager
def serve(folder: Path, name: str) -> Iterator[Served]:
    served = Served(folder, name)

    class Handler(JsonHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._allowed():
                bases = [{"id": name, "parent": None}]
                self._answer(200, {"data": [*bases, *({"id": each, "parent": name} for each in served.adapters)]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not self._allowed():
                return
            if self.path == "/v1/load_lora_adapter":
                self._load(body)
            elif self.path == "/v1/unload_lora_adapter":
                served.adapters.pop(body["lora_name"], None)
                self._answer(200, {})
            else:
                self._complete(body)

        def _load(self, body: dict) -> None:
            if not served.runtime_loading:
                self._answer(404, {"detail": "Not Found"})
            elif not (Path(body["lora_path"]) / "adapter_config.json").is_file():
                self._answer(400, {"error": {"message": f"no adapter at {body['lora_path']}"}})
            else:
                served.adapters[body["lora_name"]] = body["lora_path"]
                self._answer(200, {})

        def _complete(self, body: dict) -> None:
            served.asked.append(body)
            wrong = served.fail.pop(0) if served.fail else None
            if isinstance(wrong, int):
                self._answer(wrong, {"error": {"message": "as the test wished"}})
                return
            if body["model"] not in (name, *served.adapters):
                self._answer(404, {"error": {"message": f"no model {body['model']}"}})
                return
            if wrong == "html":
                self._send(200, "text/html", b"<html>It works!</html>")
                return
            self._stream(body, wrong)

        def _stream(self, body: dict, wrong: Any) -> None:
            tokens, reason = served.write(body)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            said = ""
            for index in range(len(tokens)):
                if wrong == "cut" and index == 2:
                    return
                if wrong == "error" and index == 2:
                    self._event({"error": {"message": "out of memory", "code": 500}})
                    return
                time.sleep(served.pause)
                whole = served.tokenizer.decode(tokens[: index + 1], skip_special_tokens=True)
                self._event({"choices": [self._piece(whole[len(said) :], None)]})
                said, served.written = whole, served.written + 1
            self._event({"choices": [self._piece("", reason)]})
            self._event({"choices": [], "usage": {"completion_tokens": len(tokens)}})
            self.wfile.write(b"data: [DONE]\n\n")

        def _piece(self, text: str, reason: str | None) -> dict:
            if self.path.endswith("/chat/completions"):
                return {"delta": {"content": text}, "finish_reason": reason}
            return {"text": text, "finish_reason": reason}

        def _event(self, event: dict) -> None:
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()

        def _allowed(self) -> bool:
            allowed = not served.key or self.headers.get("authorization") == f"Bearer {served.key}"
            if not allowed:
                self._answer(401, {"error": "Unauthorized"})
            return allowed

    with serving(Handler) as served.url:
        yield served
