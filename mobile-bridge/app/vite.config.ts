// How is the page built? One bundle for every screen, the service worker beside it, both compressed, the same bytes each time.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { finishPage, withoutThreads } from './build/finish.ts';

const build = process.env['SHIFTBOOK_PAGE_HASH'] ?? 'development';

export default defineConfig({
  base: '/app/',
  plugins: [svelte(), withoutThreads(), finishPage(build)],
  define: { __PAGE__: JSON.stringify(build) },
  worker: { format: 'es' },
  optimizeDeps: { exclude: ['@sqlite.org/sqlite-wasm'] }, // it finds its wasm file beside itself
  build: {
    outDir: process.env['SHIFTBOOK_PAGE_OUT'] ?? '../mobile_bridge/page',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false }, // the policy forbids inline scripts, and every browser we serve preloads
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 250,
  },
  server: { proxy: { '^/(api|chat|sync|device|health)': process.env['SHIFTBOOK_NODE'] ?? 'http://127.0.0.1:8823' } },
});
