export { folderFiles, pathFiles } from "./node/folder-files.ts";
export { openFiles, type OpenFilesOptions } from "./node/open-files.ts";
export { packageVersions } from "./node/package-versions.ts";
