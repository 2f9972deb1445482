/**
 * A program that serves the git repositories below a folder over HTTPS, as GitHub does: through
 * `git http-backend`: those below `public/` for anyone, the others for whoever knows the token. It runs under Node,
 * and under the Bun of a sandbox.
 *
 * `git-http-server FOLDER PORT [ADDRESS]`: the address that it listens on is 127.0.0.1 by default; the certificate and its key are `FOLDER/server.pem`; the token is the first
 * line of standard input. Prints `listening on PORT`; writes one line a request to `FOLDER/requests.log`.
 */
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";

const [folder = "", port = "", address = "127.0.0.1"] = process.argv.slice(2);
const token = readFileSync(0, "utf8").trim();
const pem = readFileSync(join(folder, "server.pem"));

createServer({ cert: pem, key: pem }, (request, response) => {
  const isKnown = passwordOf(request) === token;
  const status = isKnown ? "known" : "unknown";
  appendFileSync(
    join(folder, "requests.log"),
    `${request.method} ${request.headers.host}${request.url} ${status}\n`,
  );
  if (isKnown || request.url?.startsWith("/public/") === true) serve(request, response);
  else response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"' }).end();
}).listen(Number(port), address, () => {
  process.stdout.write(`listening on ${port}\n`);
});

function passwordOf({ headers }: IncomingMessage): string | undefined {
  const [kind, encoded = ""] = (headers.authorization ?? "").split(" ");
  if (kind?.toLowerCase() !== "basic") return undefined;
  const pair = Buffer.from(encoded, "base64").toString();
  return pair.slice(pair.indexOf(":") + 1);
}

/** Hands the request to `git http-backend`, which speaks CGI. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "https://localhost");
  const { headers } = request;
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers["content-type"] ?? "",
      ...(headers["content-encoding"] === undefined
        ? {}
        : { HTTP_CONTENT_ENCODING: headers["content-encoding"] }),
      ...(typeof headers["git-protocol"] === "string"
        ? { GIT_PROTOCOL: headers["git-protocol"] }
        : {}),
      REMOTE_USER: "known",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(backend.stdin);
  const output: Buffer[] = [];
  backend.stdout.on("data", (data: Buffer) => output.push(data));
  backend.on("close", () => {
    const answer = Buffer.concat(output);
    const end = answer.indexOf("\r\n\r\n");
    const lines = answer.subarray(0, end).toString().split("\r\n");
    const fields = lines.map((line) => [
      line.slice(0, line.indexOf(":")),
      line.slice(line.indexOf(":") + 1).trim(),
    ]);
    const found = Object.fromEntries(fields) as Record<string, string>;
    const { Status: status = "200", ...rest } = found;
    response.writeHead(Number.parseInt(status, 10), rest).end(answer.subarray(end + 4));
  });
}
