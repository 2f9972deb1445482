import { describe, expect, test } from "vitest";
import { expand, parseJsonForm, splitWords } from "./dockerfile-words.ts";
import { parseDockerfile, summarize } from "./dockerfile.ts";
import { LayerConfig } from "./image-config.ts";

const scripts = (...commands: string[]) => parseDockerfile(commands).map(({ script }) => script);

describe("lines", () => {
  test("continuations are joined; comments and empty lines between them are left out", () => {
    const [run, env] = parseDockerfile([
      "# a comment",
      "RUN apt-get update && \\",
      "  # why",
      "",
      '  echo "a # b" \\  ',
      "  c",
      "  env A=1",
    ]);
    expect(run?.text).toBe('apt-get update &&   echo "a # b"   c');
    expect(env).toMatchObject({ keyword: "ENV", text: "A=1" });
  });

  test("one command may hold several lines, and end with carriage returns", () => {
    expect(parseDockerfile(["RUN a\r\nRUN b\\\r\nc"]).map(({ text }) => text)).toEqual(["a", "bc"]);
  });

  test("flags are read where an instruction has some, and are text elsewhere", () => {
    const [copy, cmd] = parseDockerfile(["COPY --from=x --chown=1:2 /a /b", "CMD --from=x"]);
    expect(copy?.flags).toEqual([
      { name: "from", value: "x" },
      { name: "chown", value: "1:2" },
    ]);
    expect(copy?.text).toBe("/a /b");
    expect(cmd).toMatchObject({ flags: [], text: "--from=x" });
  });

  test("a long instruction is named by its beginning, on one line", () => {
    const [run] = parseDockerfile([`RUN echo ${"x".repeat(500)}\\\n  y`]);
    expect(run && summarize(run)).toMatch(/^RUN echo x{191}…$/);
  });
});

describe("here-documents", () => {
  test("the shell gets several with their ends, comments and backslashes untouched", () => {
    const lines = ['RUN cat <<EOF > /a && cat <<-"B"', "# a \\", "b", "EOF", "\tc", "\tB"];
    expect(scripts(...lines, "RUN d")).toEqual([lines.join("\n").slice(4), "d"]);
  });

  test("one that is the whole command is a script; <<- takes its tabs away", () => {
    const [run] = parseDockerfile(["RUN <<-EOF", "\t#!/bin/sh", "\techo a\n\tEOF"]);
    expect(run?.heredocs).toEqual([{ word: "<<-EOF", content: "#!/bin/sh\necho a\n" }]);
    expect(run?.text).toBe("<<-EOF");
  });

  test("a shift, a here-string and a quoted << open none; one without end is refused", () => {
    expect(scripts('RUN echo $((1<<3)) "<<EOF" && cat <<< x', "RUN y")).toHaveLength(2);
    expect(() => parseDockerfile(["RUN cat <<EOF", "a"])).toThrow("<<EOF has no end");
  });
});

describe("words", () => {
  const values: Record<string, string> = { a: "1", empty: "", path: "/x y" };
  const lookup = (name: string) => values[name];

  test.each([
    ["$a${a}b", "11b"],
    ["'$a' \"$a\" \\$a", "$a 1 $a"],
    ['"x \\" \\\\ \\n $path"', 'x " \\ \\n /x y'],
    ["${none:-d$a}${empty:-e}${empty-f}${none-g}", "d1eg"],
    ["${a:+yes}${empty:+no}${none+no}${empty+set}", "yesset"],
    ["${none:-${a:-x}}", "1"],
    ["cost $ 5$", "cost $ 5$"],
  ])("%s is %s", (text, result) => {
    expect(expand(text, lookup)).toBe(result);
  });

  test("open quotes, open braces and unknown modifiers are refused", () => {
    expect(() => expand("'a", lookup)).toThrow("single quote");
    expect(() => expand('"a', lookup)).toThrow("double quote");
    expect(() => expand("${a", lookup)).toThrow("brace");
    expect(() => expand("${a:?no}", lookup)).toThrow("only ${name}");
  });

  test("white space in quotes or behind a backslash splits no word", () => {
    expect(splitWords(`A="x y" B='z  w'  C=a\\ b "d"`)).toEqual([
      'A="x y"',
      "B='z  w'",
      "C=a\\ b",
      '"d"',
    ]);
  });

  test("the JSON form is a list of texts and nothing else", () => {
    expect(parseJsonForm('["a", "b\\u0020c"]')).toEqual(["a", "b c"]);
    expect(parseJsonForm("[ -f x ] && y")).toBeUndefined();
    expect(parseJsonForm("[1]")).toBeUndefined();
  });
});

describe("configuration", () => {
  const base = { Env: ["PATH=/bin", "A=1"], Cmd: ["bash"], Labels: { x: "y" }, User: "u" };

  function after(...commands: string[]) {
    const config = new LayerConfig(base, { given: "from the request" });
    for (const instruction of parseDockerfile(commands)) {
      expect(config.apply(instruction)).toBe(true);
    }
    return { config, result: config.result({ own: "label" }) };
  }

  test("a layer that changes nothing has its base's configuration", () => {
    const { config, result } = after("ARG x=1");
    expect(config.changed).toBe(false);
    expect(result).toEqual({ ...base, Entrypoint: [], Labels: { x: "y", own: "label" } });
  });

  test("ENV takes pairs and the old form, sees what was before it, and goes before ARG", () => {
    const { config, result } = after(
      "ARG given=preset",
      "ARG A=weaker b",
      "ENV A=2 B=$A C='$A' PATH=/opt/bin:$PATH",
      "ENV D $given, $A",
    );
    expect(result.Env).toEqual([
      "PATH=/opt/bin:/bin",
      "A=2",
      "B=1",
      "C=$A",
      "D=from the request, 2",
    ]);
    const environment = config.runEnvironment({ CERTIFICATES: "c", A: "around" }, { B: "secret" });
    expect(environment).toContain("A=2");
    expect(environment).toContain("B=secret");
    expect(environment).toContain("CERTIFICATES=c");
    expect(environment).toContain("given=from the request");
    expect(result.Env).not.toContain("given=from the request");
  });

  test("ENTRYPOINT takes the base's CMD away, but not the layer's own; SHELL holds for the rest", () => {
    expect(after('ENTRYPOINT ["/e"]').result).toMatchObject({ Entrypoint: ["/e"], Cmd: [] });
    const { result } = after('SHELL ["/bin/bash", "-ec"]', "CMD a b", "ENTRYPOINT c");
    expect(result).toMatchObject({
      Shell: ["/bin/bash", "-ec"],
      Cmd: ["/bin/bash", "-ec", "a b"],
      Entrypoint: ["/bin/bash", "-ec", "c"],
    });
  });

  test("USER, EXPOSE, LABEL and STOPSIGNAL", () => {
    const lines = ["USER a:b", "EXPOSE 80 53/udp", 'LABEL "k 1"="v 1" k2=$A', "STOPSIGNAL INT"];
    expect(after(...lines).result).toMatchObject({
      User: "a:b",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Labels: { x: "y", "k 1": "v 1", k2: "1" },
      StopSignal: "INT",
    });
  });

  test("what is not of its form is refused", () => {
    expect(() => after("ENV A=1 B")).toThrow('"B" is not of the form NAME=value');
    expect(() => after("ENV A")).toThrow("a name and a value");
    expect(() => after("SHELL /bin/bash")).toThrow("JSON list");
  });
});
