/**
 * Opens a capture of either format: the first four bytes tell which.
 */
import { type ByteSource, ByteWindow } from './byteWindow.ts';
import { type CaptureReader, captureFault, MAX_CAPTURED_BYTES, TRUNCATED_HINT } from './captureRecord.ts';
import { isPcapMagic, PcapReader } from './pcapFile.ts';
import { isPcapngMagic, PcapngReader } from './pcapngFile.ts';

const MAGIC_BYTES = 4;
/** Room for the largest record and its headers, and then some, so that the rest is seldom moved. */
const WINDOW_BYTES = 2 * MAX_CAPTURED_BYTES;

/**
 * Reads the head of a capture.
 * @param name of the file, for messages
 * @throws UvsError (CAPTURE_INVALID) when it is neither pcap nor pcapng; so do all later faults
 */
export function openCapture(name: string, source: ByteSource): CaptureReader {
  const window = new ByteWindow(name, source, WINDOW_BYTES);
  if (!window.has(MAGIC_BYTES))
    throw captureFault(window, window.available, 'the file ends before its magic number', TRUNCATED_HINT);
  const magic = window.view.getUint32(window.at);
  if (isPcapMagic(magic)) return new PcapReader(window);
  if (isPcapngMagic(magic)) return new PcapngReader(window);
  const hex = magic.toString(16).padStart(8, '0');
  throw captureFault(
    window,
    0,
    `0x${hex} begins neither a pcap nor a pcapng file`,
    'Give a file that tcpdump -w or dumpcap wrote.',
  );
}
