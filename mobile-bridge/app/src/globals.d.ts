/** The hash of what this page was built from; "development" under Vite's own server. */
declare const __PAGE__: string;
