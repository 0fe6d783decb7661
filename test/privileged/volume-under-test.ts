import { readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TmpVolume } from '../../src/isolation/encrypted-tmp/tmp-volume.ts';
import { makeVolumeTemplate } from '../../src/isolation/encrypted-tmp/volume-template.ts';
import { fillFromSeed } from './key-from-seed.ts';

/** A process that opens and closes a volume whose key its parent knows, and waits for a byte after each step. Run it in a mount namespace of its own. */
const [directory = '', seed = ''] = process.argv.slice(2);

function reached(step: string): void {
  writeSync(1, `${step}\n`);
  readSync(0, Buffer.alloc(1));
}

const template = await makeVolumeTemplate(directory, 512);
reached('ready');
const volume = TmpVolume.open({
  template,
  imagePath: join(directory, 'volume.img'),
  preallocate: false,
  mountPoint: join(directory, 'mount'),
  fillKey: (key) => {
    fillFromSeed(key, Number(seed));
    reached('filled');
  },
});
reached('opened');
volume.close();
reached('closed');
