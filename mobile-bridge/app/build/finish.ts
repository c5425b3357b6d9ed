// What is done after the bundle is written? The service worker learns the shell's files, and what shrinks by it is packed.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as bundle, type Plugin } from 'vite';

const PACKED = new Set(['.html', '.js', '.css', '.svg', '.json', '.webmanifest', '.wasm']);
// Kept when there is time: not part of the first visit. Engines of models are kept only once they were asked for.
const LATE = /\.(woff2|wasm)$|assets\/(worker|decode)[^/]*\.m?js$/;
const NEVER = /\.map$|wllama/i;
// Of SQLite's package, for ways of running it that this page does not go: they would be a twentieth of the wheel.
const UNUSED = /assets\/sqlite3-(worker1|opfs-async-proxy)[^/]*\.js$/;

// Of wllama's, for a page that is isolated from all other origins; this one's model runs in one thread.
const MANY_THREADS = /^var WLLAMA_MULTI_THREAD_CODE = '.*';$/m;

/** Leaves out what wllama would run in several threads: half of what its engine takes, packed. */
export function withoutThreads(): Plugin {
  return {
    name: 'shiftbook-without-threads',
    apply: 'build',
    transform(code, id) {
      if (!id.endsWith('@wllama/wllama/esm/index.js')) return null;
      if (!MANY_THREADS.test(code)) this.error('wllama keeps the code for several threads elsewhere: see build/finish.ts');
      return { code: code.replace(MANY_THREADS, "var WLLAMA_MULTI_THREAD_CODE = '';"), map: null };
    },
  };
}

/** Every file below a folder, as paths with `/`, in one order on every machine. */
function files(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true }) as string[];
  return found.map((name) => name.replaceAll('\\', '/')).filter((name) => statSync(join(folder, name)).isFile()).sort();
}

async function writeWorker(root: string, out: string, page: string): Promise<void> {
  const every = files(out).filter((name) => !NEVER.test(name) && name !== 'index.html');
  const shell = every.filter((name) => !LATE.test(name));
  const late = every.filter((name) => LATE.test(name));
  await bundle({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    define: { __PAGE__: JSON.stringify(page), __SHELL__: JSON.stringify(shell), __LATE__: JSON.stringify(late) },
    build: {
      outDir: out,
      emptyOutDir: false,
      target: 'es2023',
      reportCompressedSize: false,
      lib: { entry: join(root, 'worker/service-worker.ts'), formats: ['iife'], name: 'shiftbook', fileName: () => 'sw.js' },
    },
  });
}

/** Leaves each of them packed only: every browser takes gzip, and the node unpacks it for who does not. Plain files, or brotli
 * beside it, would be a tenth of the wheel each. */
function pack(out: string): void {
  for (const name of files(out).filter((each) => PACKED.has(extname(each)))) {
    writeFileSync(join(out, `${name}.gz`), gzipSync(readFileSync(join(out, name)), { level: 9 })); // zlib writes no time into its head
    rmSync(join(out, name));
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
        for (const name of files(out).filter((each) => UNUSED.test(each))) rmSync(join(out, name));
        await writeWorker(root, out, page);
        pack(out);
        writeFileSync(join(out, 'build.json'), `${JSON.stringify({ page, api: 1, files: files(out).length })}\n`);
        console.log(`page ${page} in ${relative(process.cwd(), out)}`);
      },
    },
  };
}
