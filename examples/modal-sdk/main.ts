// A plain Modal program: it knows nothing of Parhelia, and where it runs is in its environment.
import assert from "node:assert/strict";
import { ModalClient } from "modal";

const modal = new ModalClient();
const app = await modal.apps.fromName("example", { createIfMissing: true });
const volume = await modal.volumes.fromName("example", { createIfMissing: true, version: 2 });
const image = await modal.images
  .fromRegistry("debian:bookworm-slim")
  .dockerfileCommands(["ENV GREETING=hello", "RUN echo built > /built"])
  .build(app);
say(`image ${image.imageId}`);

const volumes = { "/data": volume };
const writer = await modal.sandboxes.create(app, image, {
  command: ["sh", "-c", 'echo "$GREETING from $WHO" > /data/greeting; cat /built'],
  env: { WHO: "a sandbox" },
  volumes,
  timeoutMs: 60_000,
});
say(`sandbox ${writer.sandboxId}`);
assert.equal(await writer.wait(), 0);
assert.equal(await writer.stdout.readText(), "built\n");

// Another sandbox, with nothing in common but the volume.
const reader = await modal.sandboxes.create(app, image, { volumes, timeoutMs: 60_000 });
try {
  const cat = await reader.exec(["cat", "/data/greeting"]);
  const greeting = await cat.stdout.readText();
  assert.equal(await cat.wait(), 0);
  assert.equal(greeting, "hello from a sandbox\n");
  say(`it says: ${greeting.trim()}`);
} finally {
  assert.equal(await reader.terminate({ wait: true }), 137);
}
modal.close();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
