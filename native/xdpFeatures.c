/*
 * What XDP an interface offers, as the kernel itself says (family "netdev" of generic netlink, since Linux 6.3). Written out by hand:
 * the headers of a stable distribution may be older than its kernel.
 */
#include "addon.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Documentation/netlink/specs/netdev.yaml of the kernel. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_DEV_GET 1
#define NETDEV_VERSION 1
#define NETDEV_IFINDEX 1
#define NETDEV_XDP_FEATURES 3

#define BUFFER_BYTES 8192

/* A request: both headers, and one attribute. */
struct request {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	struct nlattr attribute;
	uint8_t payload[16];
};

static void fill(struct request *r, uint16_t type, uint8_t command, uint8_t version, uint16_t attribute, const void *payload,
		 size_t bytes)
{
	memset(r, 0, sizeof *r);
	r->attribute.nla_type = attribute;
	r->attribute.nla_len = (uint16_t)(NLA_HDRLEN + bytes);
	memcpy(r->payload, payload, bytes);
	r->generic.cmd = command;
	r->generic.version = version;
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = NLM_F_REQUEST;
	r->header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(r->attribute.nla_len));
}

/* Copies the payload of attribute `type` out of the answer; false when it is an error, or has no such attribute of so many bytes. */
static bool read_attribute(const uint8_t *buffer, size_t got, uint16_t type, void *out, size_t bytes)
{
	const struct nlmsghdr *header = (const void *)buffer;
	size_t at = NLMSG_LENGTH(GENL_HDRLEN);

	if (got < at || header->nlmsg_len > got || header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE)
		return false;
	while (at + NLA_HDRLEN <= header->nlmsg_len) {
		const struct nlattr *attribute = (const void *)(buffer + at);

		if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > header->nlmsg_len)
			return false;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type && attribute->nla_len >= NLA_HDRLEN + bytes) {
			memcpy(out, buffer + at + NLA_HDRLEN, bytes);
			return true;
		}
		at += NLA_ALIGN(attribute->nla_len);
	}
	return false;
}

static bool ask(int fd, const struct request *r, uint16_t type, void *out, size_t bytes)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_BYTES];
	ssize_t got;

	if (send(fd, r, r->header.nlmsg_len, 0) < 0)
		return false;
	do
		got = recv(fd, buffer, sizeof buffer, 0);
	while (got < 0 && errno == EINTR);
	return got > 0 && read_attribute(buffer, (size_t)got, type, out, bytes);
}

/*
 * xdpFeatures(index): bits of enum netdev_xdp_act (1 = XDP in the driver, 2 = redirect, 8 = AF_XDP without copying); -1 when the
 * kernel is too old to say, or there is no such interface.
 */
static napi_value xdp_features(napi_env env, napi_callback_info info)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct request r;
	napi_value argument;
	uint64_t features = 0;
	uint32_t ifindex;
	uint16_t family = 0;
	int64_t index;
	bool known;
	int fd;

	if (!uvs_arguments(env, info, 1, &argument) || !uvs_int(env, argument, &index))
		return NULL;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return uvs_number(env, -1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ifindex = (uint32_t)index;
	fill(&r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY, sizeof NETDEV_FAMILY);
	known = ask(fd, &r, CTRL_ATTR_FAMILY_ID, &family, sizeof family);
	if (known) {
		fill(&r, family, NETDEV_DEV_GET, NETDEV_VERSION, NETDEV_IFINDEX, &ifindex, sizeof ifindex);
		known = ask(fd, &r, NETDEV_XDP_FEATURES, &features, sizeof features);
	}
	close(fd);
	return uvs_number(env, known ? (double)features : -1);
}

void uvs_register_xdp_features(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "xdpFeatures", xdp_features },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
