import fc from "fast-check";
import { expect, test } from "vitest";
import { checkName, filesWithin, memoryFiles, readText, removeAll, writeText } from "./files.ts";

const code = (name: string): object => expect.objectContaining({ code: name });

test("ranges are read, and refused beyond the end", async () => {
  const files = memoryFiles({ a: "abcdef" });
  expect(new TextDecoder().decode(await files.read("a", 1, 3))).toBe("bc");
  expect(await files.size("a")).toBe(6);
  await expect(files.read("a", 4, 7)).rejects.toThrow(code("core/range-outside-file"));
  await expect(files.read("a", 3, 2)).rejects.toThrow(code("core/range-outside-file"));
  await expect(files.read("a", -1, 2)).rejects.toThrow(code("core/range-outside-file"));
});

test("a missing file names near ones", async () => {
  await expect(memoryFiles({ "config.json": "" }).read("confg.json")).rejects.toThrow(
    expect.objectContaining({ code: "core/file-missing", report: expect.objectContaining({ near: ["config.json"] }) }),
  );
});

test("what is written is a copy, and appears only when whole", async () => {
  const files = memoryFiles();
  const chunk = Uint8Array.of(1, 2);
  await files.write("a", [chunk, chunk]);
  chunk[0] = 9;
  expect([...(await files.read("a"))]).toEqual([1, 2, 1, 2]);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield chunk;
    throw new Error("cut off");
  };
  await expect(files.write("b", broken())).rejects.toThrow("cut off");
  expect(await files.list()).toEqual(["a"]);
});

test("a folder inside a set sees its own files alone", async () => {
  const files = memoryFiles({ "a/x": "1", "a/b/y": "2", "ab/z": "3" });
  const inside = filesWithin(files, "a");
  expect(await inside.list()).toEqual(["b/y", "x"]);
  expect(await inside.list("b")).toEqual(["b/y"]);
  await writeText(inside, "new", "4");
  expect(await readText(files, "a/new")).toBe("4");
  await expect(inside.read("../ab/z")).rejects.toThrow(code("core/file-name-invalid"));
  await removeAll(inside);
  expect(await files.list()).toEqual(["ab/z"]);
});

test("no accepted name can leave its folder", () => {
  const part = fc.constantFrom("..", ".", "", "a", "C:", "\\", "b.c", "\u0000", "~");
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const name = parts.join("/");
      let accepted = true;
      try {
        checkName("set", name);
      } catch {
        accepted = false;
      }
      const safe = parts.every((each) => !["..", ".", "", "\\", "\u0000"].includes(each)) && parts[0] !== "C:";
      expect(accepted).toBe(safe);
      if (accepted) expect(new URL(name, "file:///root/set/").pathname.startsWith("/root/set/")).toBe(true);
    }),
  );
});
