/**
 * Gives a WebAssembly module's own memory a maximum, by rewriting its memory section: Go's linker writes none, and then only
 * the 4 GiB of the address space would end its growth. Beyond the maximum Go says that it is out of memory and exits.
 */
export function limitMemory(module, pages) {
  let at = 8; // after the magic number and the version
  const unsigned = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < module.length) {
    const section = at;
    const id = module[at++];
    const length = unsigned();
    const content = at;
    if (id === memorySection) {
      if (unsigned() !== 1) throw new Error('the module has not exactly one memory');
      unsigned(); // flags: a maximum that is there already is replaced
      const body = [1, withMaximum, ...leb128(unsigned()), ...leb128(pages)];
      const limited = Buffer.from([memorySection, ...leb128(body.length), ...body]);
      return Buffer.concat([module.subarray(0, section), limited, module.subarray(content + length)]);
    }
    at = content + length;
  }
  throw new Error('the module has no memory');
}

const memorySection = 5;
const withMaximum = 1;

function leb128(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
}
