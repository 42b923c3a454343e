// How a request reaches a vCPU that is about to enter its guest: either the vCPU sees the request before it enters, or whoever made the request
// sees the vCPU in the guest and kicks it. Models vcpu_enter_guest() beside kvm_make_request() and kvm_vcpu_kick().

const IN_GUEST = 1;
const NAMES = ['mode', 'request', 'left', 'kicked'];

function* enterGuest(cpu, word, plant) {
  let seen = plant === 'check-first' && (yield* look(cpu, word));
  if (cpu.touch(word.mode)) yield;
  cpu.store(word.mode, IN_GUEST);
  if (plant !== 'check-first') {
    if (cpu.touch(word.request)) yield;
    if (plant !== 'no-fence') cpu.fence();
    seen = cpu.load(word.request) !== 0;
  }
  if (seen) cpu.store(word.left, 1); // out again, without having run the guest
}

function* look(cpu, word) {
  if (cpu.touch(word.request)) yield;
  return cpu.load(word.request) !== 0;
}

function* makeRequest(cpu, word) {
  if (cpu.touch(word.request)) yield;
  cpu.store(word.request, 1);
  if (cpu.touch(word.mode)) yield;
  cpu.fence();
  if (cpu.load(word.mode) === IN_GUEST) cpu.store(word.kicked, 1);
}

export default {
  name: 'vcpu-request',
  summary: 'a request reaches a vCPU that is about to enter its guest',
  claims: [{ name: 'no-lost-request', claim: 'no vCPU stays in its guest with a request that nobody kicked it for' }],
  plants: [
    { name: 'check-first', what: 'the vCPU looks for requests before it says that it is in its guest' },
    { name: 'no-fence', what: 'no fence stands between the vCPU saying that it is in its guest and its look for requests', needsTso: true },
  ],
  vcpus: { min: 1, max: 1, usual: 1 },
  interruptible: [],
  actors: () => ['vCPU', 'requester'],
  arenaWords: () => NAMES.length * 16,
  build({ arena, cpus }, { plant }) {
    const word = Object.fromEntries(NAMES.map((name) => [name, arena.carveLine(name)]));
    return {
      paths: () => [enterGuest(cpus[0], word, plant), makeRequest(cpus[1], word)],
      atEnd() {
        const isLost = arena.words[word.left] === 0 && arena.words[word.kicked] === 0;
        if (isLost) throw Object.assign(new Error('The vCPU runs its guest, and nobody kicked it'), { claim: 'no-lost-request' });
      },
      nameOf: (at) => NAMES.find((name) => word[name] === at),
    };
  },
};
