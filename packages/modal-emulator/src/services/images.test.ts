import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ImageBench, unique, uniqueCommand } from "../../test/image-bench.ts";
import { until } from "../../test/test-emulator.ts";

let bench: ImageBench;

beforeAll(async () => {
  bench = await ImageBench.start();
});

afterAll(async () => {
  await bench.cleanUp();
});

describe("building", () => {
  test("a layer becomes an image with exactly the configuration that its commands make", async () => {
    const { imageId } = await bench
      .layer([
        "RUN useradd --create-home someone",
        "WORKDIR /srv/work",
        "ENV GREETING='hello there' PATH=/opt/bin:$PATH",
        "USER someone",
        'SHELL ["/bin/bash", "-ec"]',
        "RUN <<EOF",
        "[[ $(id -un) == someone && $PWD == /srv/work && $GREETING == 'hello there' ]]",
        "echo $HOME > ~/written",
        "EOF",
        "RUN test $(cat /home/someone/written) = /home/someone",
        'ENTRYPOINT ["/bin/echo"]',
        'CMD ["a", "b"]',
        "EXPOSE 8080",
      ])
      .build(bench.app);
    const { Config } = await bench.engineImage(imageId).inspect();
    const [path, , ...env] = Config.Env;
    expect(path).toBe("PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    expect(env).toEqual(["GREETING=hello there"]);
    expect(Config).toMatchObject({
      WorkingDir: "/srv/work",
      User: "someone",
      Entrypoint: ["/bin/echo"],
      Cmd: ["a", "b"],
      ExposedPorts: { "8080/tcp": {} },
    });
    expect(await bench.emulator.containers()).toEqual([]);
  });

  test("nothing of the build's own is left in the image, certificates included", async () => {
    const built = await bench.layer(["RUN test -s $SSL_CERT_FILE"]).build(bench.app);
    const { Config } = await bench.engineImage(built.imageId).inspect();
    expect(JSON.stringify(Config.Env)).not.toContain("SSL_CERT_FILE");
    expect(await bench.run(built.imageId, "ls -a /etc")).not.toContain("modal-emulator");
  });

  test("the log streams while the build runs, resumes where a client stopped, and is shared", async () => {
    const commands = [uniqueCommand(), "RUN echo first; sleep 2; echo second >&2"];
    const [imageId, same] = await Promise.all([
      bench.startBuild(commands),
      bench.startBuild(commands),
    ]);
    expect(same).toBe(imageId);
    const begin = await bench.follow(imageId, { enough: 4 });
    expect(begin.lines).toContain("first");
    expect(begin.lines).not.toContain("second");
    const [rest, other] = await Promise.all([
      bench.follow(imageId, { lastEntryId: begin.entryId }),
      bench.follow(imageId),
    ]);
    expect(rest.lines).toEqual(["second", `=> built ${imageId}`]);
    expect(rest).toMatchObject({ eof: true, result: { status: 1 } });
    expect(other.lines).toEqual([...begin.lines, ...rest.lines]);
    expect(await bench.startBuild(commands)).toBe(imageId);
  });

  test("a join without news is held for as long as the client asks, and ends without a result", async () => {
    const imageId = await bench.startBuild([uniqueCommand(), "RUN sleep 4"]);
    await until(async () => (await bench.follow(imageId, { timeout: 0 })).lines.length > 2);
    const { entryId } = await bench.follow(imageId, { timeout: 0 });
    const startMs = Date.now();
    const held = await bench.follow(imageId, { lastEntryId: entryId, timeout: 1 });
    expect(held).toMatchObject({ lines: [], result: undefined });
    expect(Date.now() - startMs).toBeGreaterThan(900);
    expect((await bench.follow(imageId)).result?.status).toBe(1);
  });

  test("a build goes on when nobody follows it", async () => {
    const imageId = await bench.startBuild([uniqueCommand(), "RUN sleep 1"]);
    await until(async () => (await bench.client.images.fromId(imageId).catch(() => null)) !== null);
  });

  test("files are copied from other images, with owner and mode", async () => {
    const copied = await bench
      .layer([
        "COPY --from=base --chown=5:6 /etc/apt /opt/apt",
        "COPY --from=base --chmod=0700 /etc/passwd /etc/group /opt/files/",
        "COPY --from=base /etc/passwd /opt/renamed",
        "WORKDIR /opt",
        "COPY --from=debian:bookworm-slim /etc/group .",
        "RUN mkdir -p /opt/real && ln -s real /opt/link && ln -s /etc/passwd /opt/passwd-link",
        "COPY --from=base /etc/os-release /opt/link",
        "COPY --from=base /var/run /opt/var-run",
      ])
      .build(bench.app);
    const listing = await bench.run(
      copied.imageId,
      "cd /opt && stat -c '%n %u:%g %a' apt/* files/* renamed group",
    );
    expect(listing).toContain("apt/sources.list.d 5:6 755");
    expect(listing).toContain("files/group 0:0 700\nfiles/passwd 0:0 700\nrenamed 0:0 644");
    expect(listing).toContain("group 0:0 644");
    await bench.run(copied.imageId, "test -h /opt/link && test -f /opt/real/os-release");
    await bench.run(copied.imageId, "test ! -h /opt/real/os-release && test -d /opt/var-run/lock");
    await bench.run(copied.imageId, "cmp /etc/passwd /opt/renamed && cmp /etc/group /opt/group");
  });

  test("a layer on nothing needs no shell", async () => {
    const copied = await bench.client.images
      .fromRegistry("scratch")
      .dockerfileCommands([uniqueCommand(), "COPY --from=debian:bookworm-slim /etc/group /g"])
      .build(bench.app);
    expect((await bench.engineImage(copied.imageId).inspect()).Size).toBeLessThan(10_000);
  });
});

describe("failing builds", () => {
  test("the error names the command and its last lines; the next try builds again", async () => {
    const failing = bench.layer([`RUN seq 1 30; echo oops >&2; test -e /tmp/${unique()}; exit 3`]);
    const message = await bench.failure(failing);
    expect(message).toMatch(/RUN seq 1 30; .* exit 3: ended with status 3/);
    expect(message).toContain("12\n13\n");
    expect(message).not.toContain("10\n11\n");
    expect(message).toContain("oops");
    expect(await bench.failure(failing)).not.toContain(/im-\w+/.exec(message)?.[0]);
    expect(await bench.emulator.containers()).toEqual([]);
  });

  test("a full disk is named, with what to do", async () => {
    const message = await bench.failure(bench.layer(["RUN cat /etc/passwd > /dev/full"]));
    expect(message).toContain("No space left on device. Free some");
    expect(message).toContain("docker system df");
  });

  test.each([
    ["ADD https://example.com/x /x", "RUN curl -fsSL URL -o FILE"],
    ["ADD x /x", "ADD is not supported"],
    ["COPY\tx /x", "x is a local file, which a build does not see"],
    ["RUN --mount=type=secret,id=a true", '"secrets" option'],
    ["COPY --from=base /etc/* /x/", "patterns such as /etc/* are not supported"],
    ["COPY --from=base /nowhere /x", "the image has no /nowhere"],
    ["FROM base", "a layer has one FROM"],
    ["NONSENSE", "unknown instruction NONSENSE"],
    ["USER nobody-of-that-name\nRUN true", "nobody-of-that-name"],
  ])("%s is refused: %s", async (command, message) => {
    expect(await bench.failure(bench.layer([command]))).toContain(message);
  });

  test("an image whose registry does not answer is refused, at once the second time", async () => {
    const image = bench.client.images.fromRegistry("127.0.0.1:1/nothing:here");
    expect(await bench.failure(image)).toContain("no image registry answers");
    const startMs = Date.now();
    expect(await bench.failure(image)).toContain("bring 127.0.0.1:1/nothing:here into the engine");
    expect(Date.now() - startMs).toBeLessThan(1_000);
  });

  test("what only other clients send is refused by name", async () => {
    await expect(
      bench.client.cpClient.imageGetOrCreate({ image: { contextMountId: "mo-x" } }),
    ).rejects.toThrow("builds no image with a context mount");
  });
});
