// All texts, for what is loaded late: nothing of the frame may import this file.
import { screens } from './en-screens.ts';
import { t as frame, type Texts } from './index.ts';

export const t: Texts & typeof screens = { ...frame, ...screens };
