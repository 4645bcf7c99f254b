//! A hash table with chains through one slab: an item stays at its slot until it is removed, and
//! any item is removed by its slot alone.

use super::fingerprint::Fingerprint;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// As many as there are slots.
pub(super) const MAX_ITEMS: usize = NONE as usize;

const FIRST_HEADS: usize = 16;

struct Node<T> {
    key: Fingerprint,
    /// The next of the chain, or of the free slots.
    next: u32,
    item: T,
}

pub(super) struct Table<T> {
    heads: Vec<u32>,
    nodes: Vec<Node<T>>,
    free: u32,
    live: usize,
}

impl<T: Copy> Table<T> {
    pub(super) const fn new() -> Self {
        Self {
            heads: Vec::new(),
            nodes: Vec::new(),
            free: NONE,
            live: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heads.capacity() * size_of::<u32>() + self.nodes.capacity() * size_of::<Node<T>>()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.nodes.get_mut(slot as usize).map(|node| &mut node.item)
    }

    /// The slot of the item with this key for which `is_it` holds.
    pub(super) fn find(&self, key: Fingerprint, is_it: impl Fn(&T) -> bool) -> Option<u32> {
        let mut slot = *self.heads.get(home(key, self.heads.len()))?;
        while let Some(node) = self.nodes.get(slot as usize) {
            if node.key == key && is_it(&node.item) {
                return Some(slot);
            }
            slot = node.next;
        }
        None
    }

    /// Adds an item and says where. `None` when the slots have run out.
    pub(super) fn insert(&mut self, key: Fingerprint, item: T) -> Option<u32> {
        if self.live >= self.heads.len() {
            self.widen();
        }
        let home = home(key, self.heads.len());
        let head = self.heads.get_mut(home)?;
        let node = Node {
            key,
            next: *head,
            item,
        };
        let slot = if let Some(vacant) = self.nodes.get_mut(self.free as usize) {
            let slot = self.free;
            self.free = vacant.next;
            *vacant = node;
            slot
        } else {
            let slot = u32::try_from(self.nodes.len())
                .ok()
                .filter(|&slot| slot < NONE)?;
            if self.nodes.len() == self.nodes.capacity() {
                // By an eighth, not by twice: half of the memory would lie idle.
                self.nodes.reserve_exact(self.nodes.len() / 8 + FIRST_HEADS);
            }
            self.nodes.push(node);
            slot
        };
        *head = slot;
        self.live += 1;
        Some(slot)
    }

    /// Takes out the item at `slot`, which must be occupied.
    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let &Node { key, next, item } = self.nodes.get(slot as usize)?;
        let home = home(key, self.heads.len());
        let head = self.heads.get_mut(home)?;
        if *head == slot {
            *head = next;
        } else {
            let mut before = *head;
            while self.nodes.get(before as usize)?.next != slot {
                before = self.nodes.get(before as usize)?.next;
            }
            self.nodes.get_mut(before as usize)?.next = next;
        }
        self.nodes.get_mut(slot as usize)?.next = self.free;
        self.free = slot;
        self.live -= 1;
        Some(item)
    }

    /// Doubles the chains and deals every item into its new one.
    fn widen(&mut self) {
        let wide = (self.heads.len() * 2).max(FIRST_HEADS);
        let narrow = std::mem::replace(&mut self.heads, vec![NONE; wide]);
        for mut slot in narrow {
            while let Some(node) = self.nodes.get_mut(slot as usize) {
                let Some(head) = self.heads.get_mut(home(node.key, wide)) else {
                    break;
                };
                let following = std::mem::replace(&mut node.next, *head);
                *head = slot;
                slot = following;
            }
        }
    }
}

/// The chain of a key among `heads`, a power of two.
const fn home(key: Fingerprint, heads: usize) -> usize {
    let [low, ..] = key;
    low as usize & heads.wrapping_sub(1)
}
