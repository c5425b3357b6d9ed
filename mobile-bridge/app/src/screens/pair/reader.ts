// What does the camera see? Frames, until one holds a QR code that the caller is told of.

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

const PAUSE_MS = 120;

type Read = (video: HTMLVideoElement) => Promise<string>;

async function ownReader(): Promise<Read | null> {
  const own = (globalThis as unknown as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (!own || !(await own.getSupportedFormats()).includes('qr_code')) return null;
  const detector = new own({ formats: ['qr_code'] });
  return async (video) => (await detector.detect(video))[0]?.rawValue ?? '';
}

async function loadedReader(): Promise<Read> {
  const { default: decode } = await import('qr/decode.js');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (video) => {
    const { videoWidth: width, videoHeight: height } = video;
    if (!context || !width) return '';
    Object.assign(canvas, { width, height });
    context.drawImage(video, 0, 0);
    try {
      return decode(context.getImageData(0, 0, width, height));
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error; // it was asked for something odd
      return ''; // the picture holds no code
    }
  };
}

/** Reads until the signal ends. Rejects where there is no camera, or none may be used. */
export async function readFrames(video: HTMLVideoElement, found: (text: string) => void, signal: AbortSignal): Promise<void> {
  if (!navigator.mediaDevices) throw new Error('no camera');
  const picture = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  const end = (): void => picture.getTracks().forEach((track) => track.stop());
  signal.addEventListener('abort', end);
  if (signal.aborted) return end();
  video.srcObject = picture;
  await video.play();
  const read = (await ownReader()) ?? (await loadedReader());
  while (!signal.aborted) {
    const text = await read(video);
    if (text && !signal.aborted) found(text);
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}
