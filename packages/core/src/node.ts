export { folderFiles, pathFiles } from "./node/folder-files.ts";
export { packageVersions } from "./node/package-versions.ts";
