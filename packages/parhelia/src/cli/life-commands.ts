import { defineCommand } from "./command.ts";
import type { AnyCommandSpec } from "./command.ts";
import { at, env, force, gpu, json, region, session, timeout } from "./command-options.ts";
import type {
  CheckpointListOptions,
  ForkArguments,
  JsonOption,
  ResumeCommandOptions,
  RmArguments,
  RmOptions,
  SessionArgument,
  StopCommandOptions,
} from "./command-types.ts";

/** The commands of a session's life after its start: it is saved, ends, and goes on. */
export const lifeCommands: readonly AnyCommandSpec[] = [
  defineCommand<SessionArgument, JsonOption>({
    name: "checkpoint",
    summary: "save a session on the volume, now",
    arguments: { name: session },
    options: { json },
    examples: ["parhelia checkpoint work"],
    load: () => import("./commands/checkpoint.ts"),
  }),
  defineCommand<SessionArgument, CheckpointListOptions>({
    name: "checkpoint ls",
    summary: "list the checkpoints of a session, whether it runs or not, and which are damaged",
    arguments: { name: session },
    options: {
      verify: {
        kind: "flag",
        description: "read all of them; without it the newest ones, up to 64 MiB",
      },
      json,
    },
    examples: ["parhelia checkpoint ls work", "parhelia checkpoint ls work --verify"],
    load: () => import("./commands/checkpoint-ls.ts"),
  }),
  defineCommand<SessionArgument, StopCommandOptions>({
    name: "stop",
    summary: "save a session on the volume and end its sandbox",
    arguments: { name: session },
    options: {
      force: { kind: "flag", description: "end it also when it could not be saved" },
    },
    examples: ["parhelia stop work"],
    load: () => import("./commands/stop.ts"),
  }),
  defineCommand<SessionArgument, ResumeCommandOptions>({
    name: "resume",
    summary: "go on with a session that has ended, from its last checkpoint or an earlier one",
    arguments: { name: session },
    options: { at, gpu, region, timeout, env, force, json },
    examples: ["parhelia resume work", 'parhelia resume work --at "10m ago"'],
    load: () => import("./commands/resume.ts"),
  }),
  defineCommand<ForkArguments, ResumeCommandOptions>({
    name: "fork",
    summary: "start a second session with what a first one has",
    arguments: {
      name: session,
      newName: { kind: "required", description: "name of the second session" },
    },
    options: { at, gpu, region, timeout, env, force, json },
    examples: ["parhelia fork work other-idea"],
    load: () => import("./commands/fork.ts"),
  }),
  defineCommand<RmArguments, RmOptions>({
    name: "rm",
    summary: "end a session's sandbox at once and give its checkpoints up",
    arguments: { name: { ...session, kind: "optional" } },
    options: {
      orphans: { kind: "flag", description: "end what runs although its time is over, instead" },
    },
    examples: ["parhelia rm work", "parhelia rm --orphans"],
    load: () => import("./commands/rm.ts"),
  }),
];
