/** Files that data sets of a recipe name: any path, relative ones from where the command runs. */
import { basename, resolve } from "node:path";
import { readOnly, type FileSet } from "@pare/core";
import { pathFiles } from "@pare/core/node";

/** Unlike a folder's file set it follows paths that leave the folder: a person's own recipe names them. */
export function localFiles(cwd: string): FileSet {
  return {
    location: cwd,
    list: async () => [],
    size: async (name) => (await pathFiles(resolve(cwd, name))).size(basename(name)),
    read: async (name, begin, end) => (await pathFiles(resolve(cwd, name))).read(basename(name), begin, end),
    write: async () => {
      throw readOnly({ location: cwd });
    },
  };
}
