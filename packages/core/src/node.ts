export { folderFiles, pathFiles } from "./node/folder-files.ts";
