import { closeAll } from '../../linux/descriptor.ts';
import { makeNetworkNamespace } from '../../linux/namespaces.ts';
import { bindLoopbackSocket, setLinkUp } from '../../linux/network-socket.ts';

export const runtimeApiPort = 9001;

/** A slot's network: a namespace with nothing but a loopback link, and the Runtime API's socket bound inside it. */
export class SlotNetwork {
  readonly namespace: number;
  readonly runtimeApi: number;

  private constructor(namespace: number, runtimeApi: number) {
    this.namespace = namespace;
    this.runtimeApi = runtimeApi;
  }

  /** SECURITY: the namespace belongs to the host's user namespace, so no id of the environment has any right over it. */
  static open(): SlotNetwork {
    const { namespace, result } = makeNetworkNamespace(() => {
      setLinkUp('lo');
      return bindLoopbackSocket(runtimeApiPort);
    });
    return new SlotNetwork(namespace, result);
  }

  close(): void {
    closeAll(this.runtimeApi, this.namespace);
  }
}
