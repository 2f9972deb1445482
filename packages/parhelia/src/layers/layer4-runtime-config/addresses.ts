import type { Finding } from "./command-reader.ts";

/** What to know about an address that something is reached at. */
export function addressFindings(url: string): Finding[] {
  const host = hostOf(url);
  if (host === undefined || !isOfThisMachine(host)) return [];
  return [
    { verdict: "only-here", note: `${host} is this machine, which the sandbox does not reach` },
  ];
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Also names that only this machine or its network knows. */
function isOfThisMachine(host: string): boolean {
  return (
    /^(localhost|.*\.localhost|.*\.local|host\.docker\.internal|\[::1?\]|0\.0\.0\.0)$/.test(host) ||
    /^127\./.test(host)
  );
}
