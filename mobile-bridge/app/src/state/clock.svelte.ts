// What time is it, for texts such as "9 s ago"?

const STEP_MS = 10_000;
export const clock = $state({ now: new Date() });
setInterval(() => {
  if (document.visibilityState === 'visible') clock.now = new Date();
}, STEP_MS);
document.addEventListener('visibilitychange', () => (clock.now = new Date()));
