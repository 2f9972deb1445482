import { describe, expect, test } from "vitest";
import type { PublishedImage } from "../modal/images.ts";
import { planImagePrune } from "./image-tags.ts";
import { weeklyTag } from "./release-images.ts";

function published(tag: string, imageId: string): PublishedImage {
  return { tag, imageId, publishedAt: new Date(0) };
}

const tags = (images: readonly PublishedImage[]) => images.map(({ tag }) => tag);

describe("SPEC-01.11a: which releases are pruned", () => {
  test("of each variant all but the newest, by the day in the tag", () => {
    const plan = planImagePrune(
      [
        published("parhelia-cpu:weekly-20261101", "im-1"),
        published("parhelia-cpu:weekly-20261115", "im-3"),
        published("parhelia-cpu:weekly-20261108", "im-2"),
        published("parhelia-gpu:weekly-20261101", "im-4"),
      ],
      1,
    );
    expect(tags(plan.remove)).toEqual([
      "parhelia-cpu:weekly-20261108",
      "parhelia-cpu:weekly-20261101",
    ]);
  });

  test("not an image that is latest, nor one with another name that stays", () => {
    const plan = planImagePrune(
      [
        published("parhelia-cpu:latest", "im-1"),
        published("parhelia-cpu:weekly-20261101", "im-1"),
        published("parhelia-cpu:weekly-20261108", "im-2"),
        published("parhelia-cpu:before-the-move", "im-2"),
        published("parhelia-cpu:weekly-20261115", "im-3"),
        published("parhelia-cpu:weekly-20261122", "im-4"),
      ],
      1,
    );
    expect(tags(plan.remove)).toEqual(["parhelia-cpu:weekly-20261115"]);
    expect(tags(plan.shared)).toEqual([
      "parhelia-cpu:weekly-20261108",
      "parhelia-cpu:weekly-20261101",
    ]);
  });

  test("nothing when there are no more than are kept, and never another's image", () => {
    const plan = planImagePrune(
      [
        published("parhelia-cpu:weekly-20261101", "im-1"),
        published("parhelia-cpu-mine:weekly-20250101", "im-2"),
      ],
      1,
    );
    expect(plan).toEqual({ remove: [], shared: [] });
  });
});

test("SPEC-01.11a: a release is named after its day in UTC", () => {
  expect(weeklyTag(new Date("2026-11-22T23:30:00-02:00"))).toBe("weekly-20261123");
});
