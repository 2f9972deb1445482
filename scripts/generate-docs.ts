/** `npm run docs`: writes the pages of docs/ that are made from code. A test fails when they are out of date. */
import { writeFileSync } from "node:fs";
import { configurationPage } from "../packages/parhelia/src/config/documentation.ts";

writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationPage());
