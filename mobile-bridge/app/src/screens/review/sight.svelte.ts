// Which rows are in sight? Those between the window's edges, and some more on either side.
import { rowAt } from './rows.ts';

const MORE_PX = 600;

/** For a component's script; follows the window's scrolling until the component ends. */
export class Sight {
  from = $state(0);
  to = $state(60);
  /** The first row that is really in sight. */
  top = $state(0);
  #list: () => HTMLElement | undefined;
  #offsets: () => Float64Array;

  constructor(list: () => HTMLElement | undefined, offsets: () => Float64Array) {
    this.#list = list;
    this.#offsets = offsets;
    $effect(() => {
      void offsets();
      this.#measure();
    });
    $effect(() => {
      let frame = 0;
      const look = (): void => {
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(this.#measure);
      };
      addEventListener('scroll', look, { passive: true });
      addEventListener('resize', look);
      return () => {
        cancelAnimationFrame(frame);
        removeEventListener('scroll', look);
        removeEventListener('resize', look);
      };
    });
  }

  #measure = (): void => {
    const list = this.#list();
    if (!list) return;
    const above = -list.getBoundingClientRect().top;
    const offsets = this.#offsets();
    this.from = rowAt(offsets, above - MORE_PX);
    this.to = rowAt(offsets, above + innerHeight + MORE_PX) + 1;
    this.top = rowAt(offsets, above + 20);
  };

  /** Scrolls so that a place of the list stands so many pixels below the window's upper edge. */
  scrollTo(place: number, below: number): void {
    const list = this.#list();
    if (list) scrollTo({ top: scrollY + list.getBoundingClientRect().top + place - below });
  }

  /** Scrolls only if the place is out of sight. */
  reveal(place: number): void {
    const list = this.#list();
    if (!list) return;
    const at = list.getBoundingClientRect().top + place;
    if (at < 80 || at > innerHeight - 160) this.scrollTo(place, innerHeight / 3);
  }
}
