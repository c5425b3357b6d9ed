// What is done after the bundle is written? The service worker learns the shell's files, and each text gets its compressed twins.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build as bundle, type Plugin } from 'vite';

const COMPRESSED = new Set(['.html', '.js', '.css', '.svg', '.json', '.webmanifest']);
const LATE = /\.(woff2|wasm|map)$|assets\/(worker|sqlite3)[^/]*\.m?js$/; // kept once they were asked for, not fetched at the first visit

/** Every file below a folder, as paths with `/`, in one order on every machine. */
function files(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true }) as string[];
  return found.map((name) => name.replaceAll('\\', '/')).filter((name) => statSync(join(folder, name)).isFile()).sort();
}

async function writeWorker(root: string, out: string, page: string): Promise<void> {
  const shell = files(out).filter((name) => !LATE.test(name) && name !== 'index.html');
  await bundle({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    define: { __PAGE__: JSON.stringify(page), __SHELL__: JSON.stringify(shell) },
    build: {
      outDir: out,
      emptyOutDir: false,
      target: 'es2023',
      reportCompressedSize: false,
      lib: { entry: join(root, 'worker/service-worker.ts'), formats: ['iife'], name: 'shiftbook', fileName: () => 'sw.js' },
    },
  });
}

function compress(out: string): void {
  for (const name of files(out).filter((each) => COMPRESSED.has(extname(each)))) {
    const plain = readFileSync(join(out, name));
    writeFileSync(join(out, `${name}.gz`), gzipSync(plain, { level: 9 })); // zlib writes no time into its head
    writeFileSync(join(out, `${name}.br`), brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

/** The plugin; `page` is the hash of what the page is made from. */
export function finishPage(page: string): Plugin {
  let root = '';
  let out = '';
  return {
    name: 'shiftbook-finish',
    apply: 'build',
    configResolved(config) {
      root = config.root;
      out = resolve(config.root, config.build.outDir);
    },
    closeBundle: {
      sequential: true,
      order: 'post',
      async handler() {
        await writeWorker(root, out, page);
        compress(out);
        writeFileSync(join(out, 'build.json'), `${JSON.stringify({ page, api: 1, files: files(out).length })}\n`);
        console.log(`page ${page} in ${relative(process.cwd(), out)}`);
      },
    },
  };
}
