"""What does not fit within max_length is left out, counted and said; the steps are of what is left."""

import json

import pytest

import tuning

pytest.importorskip("torch")


def rows(method: str, kind: str) -> list[dict]:
    """Ten of each, of which a prompt of `kind` "long" fills 64 tokens alone."""
    told = []
    for n in range(10):
        prompt = f"What is {n} plus {n}?" + " Well, what is it then?" * (40 if kind == "long" else 0)
        if method == "kto":
            told.append({"prompt": prompt, "completion": "Thanks." if n % 2 else "No.", "label": bool(n % 2)})
        else:
            told.append({"prompt": prompt, "chosen": "With pleasure.", "rejected": "No."})
    return told


def train(tmp_path, tiny_model, method: str, records: list[dict]):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    job = getattr(tuning, method).train(
        source_model=str(tiny_model),
        train_dataset=path,
        home=tmp_path / "home",
        epochs=2,
        batch_size=2,
        max_length=64,
        heldout_fraction=0,
    )
    job.wait(timeout=120)
    return job


@pytest.mark.slow
@pytest.mark.parametrize(("method", "key"), [("dpo", "pairs"), ("reward", "pairs"), ("kto", "rated")])
def test_what_does_not_fit_is_left_out_and_said(tmp_path, tiny_model, method, key):
    job = train(tmp_path, tiny_model, method, rows(method, "short") + rows(method, "long"))
    assert job.state == "done", job.error
    note = next(each for each in job.status.notes if each.key.startswith("note.too_long"))
    kept = job.status.total_steps  # two epochs, two rows a step: as many steps as rows are left
    assert kept + note.params["n"] == note.params["of"]
    assert 5 <= kept <= 10 and note.params["max_length"] == 64
    assert job.status.step == kept
    job = train(tmp_path, tiny_model, method, rows(method, "long"))
    assert (job.state, job.status.error.key) == ("failed", f"{key}.too_long")
