// What happens first? Policies, then the frame; the rest when there is time.
import './styles/tokens.css';
import './styles/base.css';
import './styles/fonts.css';
import './trusted-types.ts';
import './state/theme.svelte.ts';
import { mount } from 'svelte';
import App from './frame/App.svelte';
import { startKeys } from './state/keys.svelte.ts';
import { startNode } from './state/node.svelte.ts';
import { startPage } from './state/page.svelte.ts';
import { startRouter } from './router/router.svelte.ts';
import { startLinesIfPaired } from './transport/late-lines.ts';

startNode();
startLinesIfPaired();
startRouter();
startKeys();
const target = document.getElementById('app');
if (target) mount(App, { target });
startPage();
