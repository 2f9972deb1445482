"""Parhelia's batch Function on Modal (SPEC-01, "Modal App Definition"; decision D10).

`parhelia deploy --target modal` deploys it, and says in PARHELIA_DEPLOYMENT what `parhelia.toml` asks for. It holds
no logic: what a task does is in the image's own program.
"""

import json
import os
import subprocess

import modal

deployment = json.loads(os.environ["PARHELIA_DEPLOYMENT"])

app = modal.App(deployment["app"])
volume = modal.Volume.from_name(deployment["volume"], create_if_missing=True, version=2)
secrets = [modal.Secret.from_name(name) for name in deployment["secrets"]]

options = {
    # The published image, by its identifier: `parhelia deploy` looked up `parhelia-cpu:latest`.
    "image": modal.Image.from_id(deployment["image_id"]),
    "volumes": {"/vol/parhelia": volume},
    # Containers read this file, too.
    "secrets": [*secrets, modal.Secret.from_dict({"PARHELIA_DEPLOYMENT": json.dumps(deployment)})],
    "region": deployment["regions"] or None,
    "cpu": 4,
    "memory": 16384,
    "timeout": 300,
}


def run_in_image(task: dict) -> dict:
    volume.reload()  # a container that ran a task before has the volume as it was then
    program = subprocess.run(
        ["parhelia-container", "batch"], input=json.dumps(task), capture_output=True, text=True
    )
    volume.commit()
    lines = program.stdout.strip().splitlines()
    if not lines:
        raise RuntimeError(f"status {program.returncode}: {program.stderr.strip()[-2000:]}")
    return json.loads(lines[-1])


@app.function(name=deployment["function"], **options)
def run_batch_task(task: dict) -> dict:
    """Runs a short batch task: health, plugin-sync, metrics."""
    return run_in_image(task)


@app.function(name=deployment["metrics"], schedule=modal.Cron("0 * * * *"), **options)
def collect_metrics() -> None:
    """Every hour: the numbers of the volume, as one line in the App's log."""
    print(json.dumps(run_in_image({"task": "metrics"})))


@app.function(name=deployment["plugins"], schedule=modal.Cron("0 5 * * *"), **options)
def sync_plugins() -> None:
    """Every day at 05:00 UTC: plugins at their recorded commits, from the list that the volume has."""
    print(json.dumps(run_in_image({"task": "plugin-sync"})))
