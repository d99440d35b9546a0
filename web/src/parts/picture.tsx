import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/**
 * A picture that lies on this phone. Its frame has its place before it is there, and stays where there is none. `alt`
 * is empty where words beside it say the same.
 */
export function Picture(props: { readonly blob: Blob | null; readonly alt: string; readonly kind?: string }) {
  const { blob, alt, kind = "" } = props;
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (blob === null) return;
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => {
      setAddress(null);
      URL.revokeObjectURL(made);
    };
  }, [blob]);
  return (
    <span class={`picture ${kind}`}>
      {address !== null && <img src={address} alt={alt} />}
      {blob === null && <Icon name="picture" />}
    </span>
  );
}
