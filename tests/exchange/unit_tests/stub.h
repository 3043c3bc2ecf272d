/* What an exported test function needs of kvm-unit-tests, declared only: for a compiler that has no more of it. */
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
struct its_device;
struct its_collection;
extern struct { char *redist_base[8]; } gicv3_data;
extern char *gicv3_dist_base(void);
extern char *gicv3_its_base(void);
extern u8 readb(const volatile void *address);
extern u16 readw(const volatile void *address);
extern u32 readl(const volatile void *address);
extern u64 readq(const volatile void *address);
extern void writeb(u8 value, volatile void *address);
extern void writew(u16 value, volatile void *address);
extern void writel(u32 value, volatile void *address);
extern void writeq(u64 value, volatile void *address);
extern void report(bool pass, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void report_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void gicv3_lpi_set_config(int intid, u8 value);
extern void gicv3_lpi_set_clr_pending(int redistributor, int intid, bool set);
extern void gicv3_lpi_rdist_enable(int redistributor);
extern void gicv3_lpi_rdist_disable(int redistributor);
extern struct its_device *its_create_device(u32 device, int events);
extern struct its_collection *its_create_collection(u16 icid, u32 cpu);
extern void its_send_mapd(struct its_device *device, int valid);
extern void its_send_mapc(struct its_collection *collection, int valid);
extern void its_send_mapti(struct its_device *device, u32 intid, u32 event, struct its_collection *collection);
extern void its_send_int(struct its_device *device, u32 event);
extern void its_send_inv(struct its_device *device, u32 event);
extern void its_send_discard(struct its_device *device, u32 event);
extern void its_send_clear(struct its_device *device, u32 event);
extern void its_send_invall(struct its_collection *collection);
extern void its_send_movi(struct its_device *device, struct its_collection *collection, u32 event);
extern void its_send_sync(struct its_collection *collection);
