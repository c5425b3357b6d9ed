// How many results wait for a word? The rail says it on every screen.
export const counts = $state({ review: 0 });
