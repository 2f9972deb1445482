/** `npm run docs`: writes the pages of docs/ that are made from code. A test fails when they are out of date. */
import { writeFileSync } from "node:fs";
import { configurationPage } from "../packages/parhelia/src/config/documentation.ts";
import { configJsonSchema } from "../packages/parhelia/src/config/json-schema.ts";

const docs = new URL("../docs/", import.meta.url);
writeFileSync(new URL("configuration.md", docs), configurationPage());
writeFileSync(new URL("parhelia.schema.json", docs), configJsonSchema());
