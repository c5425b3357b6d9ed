// Which panel lies over the page?
export const panels = $state({ palette: false, keys: false });
