import { $ } from '../shared/page.js';

/** A button that gives the address of the room away, without the key of the one room that has one. */
export function offerToShare(button) {
  // Neither way is there on a page without TLS, unless it is localhost.
  button.hidden = !window.isSecureContext;
  button.addEventListener('click', () => void share(button));
}

/** By the phone's own menu where there is one. */
async function share(button) {
  const url = location.origin + location.pathname;
  if (navigator.share && matchMedia('(pointer: coarse)').matches) {
    // Rejected when the person thinks better of it.
    await navigator.share({ title: document.title, url }).catch(() => undefined);
    return;
  }
  await navigator.clipboard.writeText(url);
  button.classList.add('done');
  $('shared').textContent = 'The address is copied';
  setTimeout(() => {
    button.classList.remove('done');
    $('shared').textContent = '';
  }, 2000);
}
