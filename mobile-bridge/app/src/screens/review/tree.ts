// Which folders and files does a change touch, as a tree read from above? Folders with one child are one line.

export interface TreeNode {
  name: string;
  depth: number;
  /** The file's place in the diff; null for a folder. */
  index: number | null;
}

interface Folder {
  folders: Map<string, Folder>;
  files: [string, number][];
}

const empty = (): Folder => ({ folders: new Map(), files: [] });

export function treeOf(paths: readonly string[]): TreeNode[] {
  const root = empty();
  for (const [index, path] of paths.entries()) {
    const parts = path.split('/');
    const name = parts.pop() ?? path;
    let at = root;
    for (const part of parts) {
      const next = at.folders.get(part) ?? empty();
      at.folders.set(part, next);
      at = next;
    }
    at.files.push([name, index]);
  }
  return walk(root, 0);
}

function walk(folder: Folder, depth: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (const [first, inner] of folder.folders) {
    let name = first;
    let at = inner;
    for (let [only] = at.folders; at.folders.size === 1 && !at.files.length && only; [only] = at.folders) {
      name += `/${only[0]}`;
      at = only[1];
    }
    nodes.push({ name, depth, index: null }, ...walk(at, depth + 1));
  }
  return [...nodes, ...folder.files.map(([name, index]) => ({ name, depth, index }))];
}
